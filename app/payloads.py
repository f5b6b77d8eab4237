"""What clients send, parsed at the edge: from here on there are only values of known shape."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from streams.entry import Position


class BadPayload(Exception):
    """The payload is not of the shape that the event or route takes. The text says what is wrong, without values."""


def _printable(value: object) -> object:
    if isinstance(value, str) and (not value.isprintable() or "\ufffd" in value):  # that is what a NUL was read as
        raise ValueError("must not hold control characters")
    return value


EventName = Annotated[str, Field(min_length=1, max_length=200), BeforeValidator(_printable)]

Name = Annotated[str, Field(min_length=1, max_length=255), BeforeValidator(_printable)]
"""An id: of a chat, a message, a user. As long as the archive takes it."""


class Auth(BaseModel):
    token: str | None = None


class UserJoin(BaseModel):
    auth: Auth = Auth()


class UserUpdate(BaseModel):
    role: Literal["admin", "user"]


class RoleUpdate(UserUpdate):
    id: str


class Typing(BaseModel):
    typing: bool


class ChatEventData(BaseModel):
    type: Literal["join", "leave", "typing", "last_read_at"]
    data: Typing | None = None


class ChatEvent(BaseModel):
    """`events:chat`: join or leave a chat, type in it, or note that it was read up to now.

    `after` of a join is the position of a snapshot, whose follow-ups come first.
    """

    chat_id: Name
    data: ChatEventData
    after: str | None = None


class InUse(BaseModel):
    """`usage`: a model that a page is using."""

    model: Name


class NewChat(BaseModel):
    """Body of POST /api/v1/chats/new. The nested `chat` is what Open WebUI's page sends."""

    title: str | None = Field(None, max_length=1000)
    chat: dict[str, Any] | None = None


class History(BaseModel):
    """A chat's messages as a page has them, by id."""

    messages: dict[Name, dict[str, Any]] = {}
    currentId: str | None = None  # noqa: N815  # the wire's name


class ChatBody(BaseModel):
    """What a page sends of a chat; fields that Roomlog does not keep are passed over."""

    title: str | None = Field(None, max_length=1000)
    history: History = History()


class ChatUpdate(BaseModel):
    """Body of POST /api/v1/chats/{id}."""

    chat: ChatBody


class AccessGrant(BaseModel):
    """One user's permission."""

    user_id: Name
    permission: Literal["read", "write"]


class AccessGrants(BaseModel):
    """Body of POST …/access: everybody who has access besides the owner; of one user's grants the last counts."""

    grants: list[AccessGrant] = Field(max_length=1000)

    @property
    def wanted(self) -> dict[str, str]:
        return {grant.user_id: grant.permission for grant in self.grants}


class NewNote(BaseModel):
    """Body of POST /api/v1/notes/create."""

    title: str = Field("", max_length=1000)
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class NoteUpdate(BaseModel):
    """Body of POST /api/v1/notes/{id}/update: what is not sent stays."""

    title: str = Field("", max_length=1000)
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class JoinNote(BaseModel):
    """`join-note`."""

    note_id: Name


class DemoName(BaseModel):
    """Body of POST /demo/session."""

    name: str


class MessageEvent(BaseModel):
    """Body of POST /api/v1/chats/{id}/messages/{mid}/event."""

    type: EventName
    data: Any = None


class MessageContent(BaseModel):
    """Body of POST /api/v1/chats/{id}/messages/{mid}."""

    content: str


class RoomEvent(BaseModel):
    """Body of POST /api/v1/rooms/{room}/events."""

    event: EventName
    data: Any = None
    durable: bool = True


BATCH_EVENTS = 500
"""Events of one request: what a producer gathers in a moment, and a few batches of the log's."""


M = TypeVar("M", bound=BaseModel)


def parse_batch(kind: type[M], payload: list[object]) -> list[M]:
    """Read several payloads. Raises BadPayload, which says which of them it is, when any is malformed."""
    if not 1 <= len(payload) <= BATCH_EVENTS:
        raise BadPayload(f"a list may have 1 to {BATCH_EVENTS} events")
    found = []
    for number, one in enumerate(payload):
        try:
            found.append(parse(kind, one))
        except BadPayload as fault:
            raise BadPayload(f"event {number}: {fault}") from fault
    return found


def parse(kind: type[M], payload: object) -> M:
    """Read a payload. Raises BadPayload."""
    try:
        return kind.model_validate(payload)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "payload"
        raise BadPayload(f"{place}: {first['msg']}") from fault


def parse_position(text: str | None) -> Position | None:
    """A position that a client gave, or None. Raises BadPayload."""
    if text is None:
        return None
    try:
        return Position.parse(text)
    except ValueError as fault:
        raise BadPayload(str(fault)) from fault
