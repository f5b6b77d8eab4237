"""What each `events:channel` entry changes: in a channel's room the channel's rows, in a user's room the user's marks.

Types that clients see carry in `data` what Open WebUI's page shows (a whole message); what the fold stores of a
`message:update` stands beside it in `patch`, so that two updates at once lose nothing of each other. The other types
are written quietly, for the fold alone. A type that is not in a table here changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any, TypeAlias

from archive.channel import (
    CHANNELS,
    MARKS,
    MEMBERS,
    MESSAGES,
    REACTIONS,
    WEBHOOKS,
    Channel,
    ChannelMessage,
)
from archive.patches import Changes
from archive.shapes import (
    BadShape,
    Check,
    Json,
    JsonObject,
    anything,
    array,
    boolean,
    fields,
    identifier,
    nullable_text,
    number,
    optional_id,
    text,
    texts,
)
from archive.tables import Key, Op, Rows
from streams.entry import Position

MAX_NAME_CHARS = 64  # of a reaction
MAX_KEY_CHARS = 128  # of a channel's or a message's id: four keys still fit one b-tree entry (2,704 bytes)


@dataclass(frozen=True, slots=True)
class Happening:
    """One entry, parsed. data: of its type. patch: beside it, or None. user: {id, name, role} of who did it."""

    channel_id: str
    message_id: str | None
    data: Json
    patch: Json
    user: Json

    @property
    def subject(self) -> str:
        """The id of the message that it is about. Raises BadShape when it names none."""
        return _key(self.message_id or fields(self.data, "data").get("id"), "message_id")


Handler: TypeAlias = Callable[[Happening], Rows]


def channel_changes(name: str, payload: JsonObject, _position: Position) -> Changes:
    """The changes of an entry of room `channel:{name}`. Raises BadShape."""
    return _changes(_IN_CHANNEL, _key(name, "channel"), payload)


def mark_changes(name: str, payload: JsonObject, _position: Position) -> Changes:
    """The changes of an `events:channel` entry of room `user:{name}`. Raises BadShape."""
    channel_id = optional_id(payload, "channel_id")
    if channel_id is None:
        return Changes()
    kind = text(fields(payload.get("data"), "data").get("type"), "type")
    check = _MARKS.get(kind)
    if check is None:
        return Changes()
    data = fields(payload.get("data"), "data").get("data")
    key = (identifier(name, "user"), _key(channel_id, "channel_id"))
    return Changes(rows={MARKS: {key: check(data)}})


def _changes(handlers: Mapping[str, Handler], channel_id: str, payload: JsonObject) -> Changes:
    envelope = fields(payload.get("data"), "data")
    kind = text(envelope.get("type"), "type")
    handler = handlers.get(kind)
    if handler is None:
        return Changes()
    message_id = optional_id(payload, "message_id")
    happening = Happening(channel_id, message_id, envelope.get("data"), envelope.get("patch"), payload.get("user"))
    try:
        return Changes(rows=handler(happening))
    except BadShape as error:
        raise BadShape(f"{kind}: {error}") from error


def _key(value: Json, name: str) -> str:
    found = identifier(value, name)
    if len(found) > MAX_KEY_CHARS:
        raise BadShape(f"{name} has {len(found)} characters, expected 1 to {MAX_KEY_CHARS}")
    return found


def _number_or_0(value: Json, name: str) -> int:
    return 0 if value is None else number(value, name)


def _given(found: JsonObject, checks: Mapping[str, tuple[str, Check]]) -> JsonObject:
    """The fields of `checks` that are in the payload, by column. checks: wire name → (column, check)."""
    return {column: check(found[name], name) for name, (column, check) in checks.items() if name in found}


def _same(**checks: Check) -> dict[str, tuple[str, Check]]:
    """Checks of fields that are named on the wire as their columns are."""
    return {name: (name, check) for name, check in checks.items()}


_EDITABLE = _same(
    content=text,
    data=anything,
    meta=anything,
    is_pinned=boolean,
    pinned_by=nullable_text,
    pinned_at=_number_or_0,
    updated_at=number,
)
_POSTED = _EDITABLE | _same(user_id=identifier, created_at=number)
_CHANNEL = {"type": ("kind", text)} | _same(
    name=text,
    description=text,
    is_private=boolean,
    data=anything,
    meta=anything,
    updated_at=number,
)
_NEW = _CHANNEL | {"user_id": ("created_by", identifier)} | _same(created_at=number)


def _defaults(row: type[Any], keys: int) -> JsonObject:
    """All columns of a table as they are by default."""
    return {field.name: getattr(row("", *[""] * (keys - 1)), field.name) for field in fields_of(row)[keys:]}


def _new(happening: Happening) -> Rows:
    found = fields(happening.data, "data")
    put = _given(found, _NEW)
    return {CHANNELS: {(happening.channel_id,): put}, **_add(happening)}


def _update(happening: Happening) -> Rows:
    return {CHANNELS: {(happening.channel_id,): _given(fields(happening.data, "data"), _CHANNEL)}}


def _delete_channel(happening: Happening) -> Rows:
    return {CHANNELS: {(happening.channel_id,): {**_defaults(Channel, 1), "deleted": True}}}


def _add(happening: Happening) -> Rows:
    ops: dict[Key, Op] = {}
    for item in array(fields(happening.data, "data").get("members"), "members"):
        member = fields(item, "a member")
        key = (happening.channel_id, identifier(member.get("user_id"), "user_id"))
        ops[key] = {
            "role": text(member.get("role", "member"), "role"),
            "joined_at": number(member.get("joined_at"), "joined_at"),
        }
    return {MEMBERS: ops}


def _remove(happening: Happening) -> Rows:
    user_ids = texts(fields(happening.data, "data").get("user_ids"), "user_ids")
    return {MEMBERS: {(happening.channel_id, identifier(user_id, "user_id")): None for user_id in user_ids}}


def _add_webhook(happening: Happening) -> Rows:
    found = fields(happening.data, "data")
    put: JsonObject = {name: text(found.get(name), name) for name in ("user_id", "name", "token")}
    put["created_at"] = number(found.get("created_at"), "created_at")
    return {WEBHOOKS: {(happening.channel_id, _key(found.get("id"), "id")): put}}


def _remove_webhook(happening: Happening) -> Rows:
    return {WEBHOOKS: {(happening.channel_id, _key(fields(happening.data, "data").get("id"), "id")): None}}


def _post(happening: Happening) -> Rows:
    found = fields(happening.data, "data")
    put = _given(found, _POSTED)
    if not put.get("user_id"):
        raise BadShape("user_id is missing")
    put["author"] = found.get("user") or happening.user
    put["parent_id"] = optional_id(found, "parent_id")
    put["reply_to_id"] = optional_id(found, "reply_to_id")
    return {MESSAGES: {(happening.channel_id, happening.subject): put}}


def _edit(happening: Happening) -> Rows:
    put = _given(fields(happening.data if happening.patch is None else happening.patch, "data"), _EDITABLE)
    return {MESSAGES: {(happening.channel_id, happening.subject): put}} if put else {}


def _delete(happening: Happening) -> Rows:
    return {MESSAGES: {(happening.channel_id, happening.subject): {**_defaults(ChannelMessage, 2), "deleted": True}}}


def _react(happening: Happening) -> Rows:
    user = fields(happening.user, "user")
    put: JsonObject = {
        "user_name": text(user.get("name", ""), "name"),
        "created_at": _number_or_0(fields(happening.data, "data").get("reacted_at"), "reacted_at"),
    }
    return {REACTIONS: {_reaction(happening): put}}


def _unreact(happening: Happening) -> Rows:
    return {REACTIONS: {_reaction(happening): None}}


def _reaction(happening: Happening) -> tuple[str, ...]:
    user_id = identifier(fields(happening.user, "user").get("id"), "user id")
    name = identifier(fields(happening.data, "data").get("name"), "name")
    if len(name) > MAX_NAME_CHARS:
        raise BadShape(f"name has {len(name)} characters, expected 1 to {MAX_NAME_CHARS}")
    return (happening.channel_id, happening.subject, user_id, name)


_IN_CHANNEL: Mapping[str, Handler] = {
    "channel:new": _new,
    "channel:update": _update,
    "channel:delete": _delete_channel,
    "channel:members:add": _add,
    "channel:members:remove": _remove,
    "channel:webhook:add": _add_webhook,
    "channel:webhook:remove": _remove_webhook,
    "message": _post,
    "message:update": _edit,
    "message:delete": _delete,
    "message:reaction:add": _react,
    "message:reaction:remove": _unreact,
}
_MARKS: Mapping[str, Callable[[Json], JsonObject]] = {
    "channel:created": lambda _data: {},
    "channel:mute": lambda data: {"muted": boolean(fields(data, "data").get("is_channel_muted"), "is_channel_muted")},
    "last_read_at": lambda data: {"last_read_at": number(fields(data, "data").get("last_read_at"), "last_read_at")},
}
