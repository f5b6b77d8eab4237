"""What clients send about channels, parsed at the edge."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.payloads import Name

MessageId = Annotated[Name, Field(max_length=128)]
ReactionName = Annotated[Name, Field(max_length=64)]
Title = Annotated[str, Field(max_length=256)]
UserIds = Annotated[list[Name], Field(max_length=1000)]


class NewChannel(BaseModel):
    """Body of POST /api/v1/channels/create. type "" and null are "channel", as in Open WebUI."""

    name: Title = ""
    type: Literal["", "channel", "group", "dm"] | None = None
    description: str | None = Field(None, max_length=10_000)
    is_private: bool | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    user_ids: UserIds = []


class ChannelUpdate(BaseModel):
    """Body of POST /api/v1/channels/{id}/update: what is given changes."""

    name: Title | None = None
    description: str | None = Field(None, max_length=10_000)
    is_private: bool | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class MemberIds(BaseModel):
    """Body of POST /api/v1/channels/{id}/update/members/add and …/remove."""

    user_ids: Annotated[UserIds, Field(min_length=1)]


class Mute(BaseModel):
    """Body of POST /api/v1/channels/{id}/members/mute."""

    is_channel_muted: bool


class NewMessage(BaseModel):
    """Body of POST /api/v1/channels/{id}/messages/post."""

    content: str
    temp_id: Annotated[str, Field(max_length=256)] | None = None
    reply_to_id: MessageId | None = None
    parent_id: MessageId | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class MessageUpdate(BaseModel):
    """Body of POST /api/v1/channels/{id}/messages/{mid}/update."""

    content: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class Pin(BaseModel):
    """Body of POST /api/v1/channels/{id}/messages/{mid}/pin."""

    is_pinned: bool


class ReactionBody(BaseModel):
    """Body of POST /api/v1/channels/{id}/messages/{mid}/reactions/add and …/remove."""

    name: ReactionName


class NewWebhook(BaseModel):
    """Body of POST /api/v1/channels/{id}/webhooks/create."""

    name: Annotated[str, Field(min_length=1, max_length=256)]


class WebhookMessage(BaseModel):
    """Body of POST /api/v1/channels/webhooks/{wid}/{token}."""

    content: str


class Typing(BaseModel):
    typing: bool


class TypingData(BaseModel):
    type: Literal["typing"]
    data: Typing


class ReadData(BaseModel):
    type: Literal["last_read_at"]


class ChannelEvent(BaseModel):
    """`events:channel`: typing, or that the user has read the channel. message_id: the thread that is meant."""

    channel_id: Name
    message_id: Name | None = None
    data: Annotated[TypingData | ReadData, Field(discriminator="type")]
