"""What a client asks for: OpenAI's request, and what Open WebUI's page adds to it."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.payloads import Name
from archive.shapes import MAX_ID_CHARS

OURS = frozenset(
    {
        "assistant_message_id",
        "automation_id",
        "chat_id",
        "chat_variables",
        "id",
        "message_ids",
        "modelIdx",
        "new_chat",
        "regeneration_message_id",
        "regeneration_prompt",
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

OF_CHAT = frozenset({"title_generation", "tags_generation"})
"""Background tasks whose result belongs to the chat, and not to the answer."""


class WantedAnswer(BaseModel):
    """One of the answers that a page asks for at once: whose, and the message that it becomes."""

    model_id: str = Field(min_length=1, max_length=256)
    message_id: Annotated[Name, Field(max_length=MAX_ID_CHARS)]
    modelIdx: int | None = None  # noqa: N815  # the wire's name: the column in which the page shows it


class CompletionRequest(BaseModel):
    """Body of POST /api/chat/completions: an OpenAI request. With `chat_id` the answer becomes message `id` of it.

    `message_ids` asks for several answers, each of a model. A `parent_id` of null with a question and without `chat_id`
    begins a chat.
    """

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=256)
    messages: list[dict[str, Any]] = []
    stream: bool = False
    chat_id: Name | None = None
    id: Annotated[Name, Field(max_length=MAX_ID_CHARS)] | None = None
    message_ids: Annotated[list[WantedAnswer], Field(max_length=20)] | None = None
    modelIdx: int | None = None  # noqa: N815  # the wire's name
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
        if self.chat_id is None and not self.messages and not self.begins_chat:
            raise ValueError("messages are needed without a chat_id")
        return self

    @model_validator(mode="after")
    def _has_a_message_for_each(self) -> CompletionRequest:
        ids = [wanted.message_id for wanted in self.message_ids or []]
        if len(set(ids)) < len(ids):
            raise ValueError("message_ids: two answers would become the same message")
        return self

    @property
    def begins_chat(self) -> bool:
        """Whether the question is the first of a chat that is not there yet."""
        is_root = "parent_id" in self.model_fields_set and self.parent_id is None
        return self.chat_id is None and is_root and self.question is not None

    def each(self) -> list[CompletionRequest]:
        """A request for each answer. What is made of the chat as a whole is made behind the first."""
        wanted = self.message_ids or [WantedAnswer(model_id=self.model, message_id=self.id or str(uuid.uuid4()))]
        tasks = self.background_tasks or {}
        later = {name: asked for name, asked in tasks.items() if name not in OF_CHAT}
        return [
            self.model_copy(
                update={
                    "model": one.model_id,
                    "id": one.message_id,
                    "modelIdx": one.modelIdx,
                    "model_item": self._item_of(one.model_id),
                    "background_tasks": later if number else tasks,
                }
            )
            for number, one in enumerate(wanted)
        ]

    def _item_of(self, model_id: str) -> dict[str, Any] | None:
        """What the page sent of a model: of several it describes one, and the others are not the browser's."""
        item = self.model_item
        is_of_another = self.message_ids and item is not None and item.get("id") != model_id
        return None if is_of_another else item

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
