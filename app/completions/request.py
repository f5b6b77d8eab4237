"""What a client asks for: OpenAI's request, and what Open WebUI's page adds to it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.payloads import Name
from archive.shapes import MAX_ID_CHARS

OURS = frozenset(
    {
        "chat_id",
        "id",
        "session_id",
        "parent_id",
        "parent_message",
        "user_message",
        "background_tasks",
        "features",
        "files",
        "filter_ids",
        "folder_id",
        "metadata",
        "model_item",
        "params",
        "terminal_id",
        "tool_ids",
        "tool_servers",
        "skill_ids",
        "variables",
    }
)
"""Fields that the page adds and that no provider knows: OpenAI refuses a request that has them."""


class CompletionRequest(BaseModel):
    """Body of POST /api/chat/completions: an OpenAI request. With `chat_id` the answer becomes message `id` of it."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=256)
    messages: list[dict[str, Any]] = []
    stream: bool = False
    chat_id: Name | None = None
    id: Annotated[Name, Field(max_length=MAX_ID_CHARS)] | None = None
    session_id: str | None = Field(None, max_length=255)
    parent_id: str | None = Field(None, max_length=MAX_ID_CHARS)
    user_message: dict[str, Any] | None = None
    parent_message: dict[str, Any] | None = None
    model_item: dict[str, Any] | None = None
    background_tasks: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_a_browser(self) -> CompletionRequest:
        if self.direct_model is not None and not self.session_id:
            raise ValueError("session_id is needed: the model is one of the browser's own (model_item.direct)")
        return self

    @model_validator(mode="after")
    def _has_messages(self) -> CompletionRequest:
        if self.chat_id is None and not self.messages:
            raise ValueError("messages are needed without a chat_id")
        return self

    @property
    def question(self) -> dict[str, Any] | None:
        """The user's message as the page has it, if it is sent along; `parent_message` is its older name."""
        for sent in (self.user_message, self.parent_message):
            if sent is not None and _is_id(sent.get("id")) and sent.get("role", "user") == "user":
                return sent | {"role": "user"}
        return None

    @property
    def says_something(self) -> bool:
        """Whether the messages are more than instructions."""
        return any(message.get("role") != "system" for message in self.messages)

    @property
    def direct_model(self) -> dict[str, Any] | None:
        """The model as the page has it, when the asking user's browser reaches it and not the node."""
        return self.model_item if self.model_item is not None and self.model_item.get("direct") is True else None

    def for_provider(self) -> dict[str, Any]:
        """The request as the provider gets it."""
        return {name: value for name, value in self.model_dump(exclude_unset=True).items() if name not in OURS}

    @property
    def goes_on(self) -> bool:
        """True when the answer continues what the assistant has said already, instead of saying it anew."""
        return self.messages[-1].get("role") == "assistant"


class Completed(BaseModel):
    """Body of POST /api/chat/completed: the messages as the page has them, and what it knows of the answer."""

    model_config = ConfigDict(extra="allow")

    messages: list[dict[str, Any]]


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARS and value.isprintable()
