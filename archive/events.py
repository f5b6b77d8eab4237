"""What each type of `events` entry changes: the contract's table, one row per function.

Formats: docs/contract.md §5, read from Open WebUI's frontend. A type that is not in TYPES changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from archive.deltas import DELTAS
from archive.patches import Ops, keyed
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
    optional_id,
    seconds,
    text,
    texts,
)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event does. Nothing at all when everything in it is empty or None.

    message: on the message that the envelope names.
    chat: fields of the chat to put; an empty mapping makes sure that the chat exists.
    messages: on messages that the event names itself.
    """

    message: Ops = field(default_factory=Ops)
    chat: Mapping[str, Json] | None = None
    messages: Mapping[str, Ops] = field(default_factory=dict)


Handler: TypeAlias = Callable[[Json], Effect]

NOTHING = Effect()


def _adding(name: str, value: Json) -> Effect:
    return Effect(Ops(add={name: value}))


def _putting(name: str, value: Json) -> Effect:
    return Effect(Ops(put={name: value}))


def _given(found: JsonObject, checks: Mapping[str, tuple[str, Check]]) -> JsonObject:
    """The fields of `checks` that are in the payload and not null, by column. checks: wire name → (column, check)."""
    return {column: check(found[name], name) for name, (column, check) in checks.items() if found.get(name) is not None}


def _delta(data: Json) -> Effect:
    return _adding("content", text(fields(data, "data").get("content"), "content"))


def _replace(data: Json) -> Effect:
    return _putting("content", text(fields(data, "data").get("content"), "content"))


def _status(data: Json) -> Effect:
    return _adding("status_history", (fields(data, "data"),))


def _source(data: Json) -> Effect:
    found = fields(data, "data")
    if found.get("type") != "code_execution":
        return _adding("sources", (found,))
    identifier(found.get("id"), "id of a code execution")
    return _adding("code_executions", (found,))


def _files(data: Json) -> Effect:
    return _adding("files", array(fields(data, "data").get("files"), "files"))


def _embeds(data: Json) -> Effect:
    found = fields(data, "data")
    embeds = array(found.get("embeds"), "embeds")
    return _putting("embeds", embeds) if found.get("replace") else _adding("embeds", embeds)


_COMPLETION: Mapping[str, tuple[str, Check]] = {
    "content": ("content", text),
    "output": ("output", array),
    "done": ("done", boolean),
    "usage": ("usage", anything),
    "error": ("error", anything),
    "sources": ("sources", array),
}


def _completion(data: Json) -> Effect:
    found = fields(data, "data")
    add: JsonObject = {}
    if found.get("selected_model_id"):  # as the page keeps the answer of an arena
        add["extra"] = {"selectedModelId": text(found["selected_model_id"], "selected_model_id"), "arena": True}
    chat = {"title": text(found["title"], "title")} if found.get("title") else None
    return Effect(Ops(_given(found, _COMPLETION), add), chat)


_COMPLETED: Mapping[str, tuple[str, Check]] = {name: _COMPLETION[name] for name in ("output", "done", "usage")}


def _response(data: Json) -> Effect:
    """A stream event of OpenAI's Responses API; what is not text, an item or the end changes nothing."""
    found = fields(data, "data")
    match found.get("type"):
        case "response.output_text.delta":
            return _adding("content", text(found.get("delta"), "delta"))
        case "response.output_item.done":
            return _adding("output", (fields(found.get("item"), "item"),))
        case "response.completed":
            inner = found.get("response")
            return Effect(Ops(_given({**(inner if isinstance(inner, dict) else {}), **found}, _COMPLETED)))
        case _:
            return NOTHING


def _error(data: Json) -> Effect:
    return Effect(Ops(put={"error": fields(data, "data").get("error"), "done": True}))


def _follow_ups(data: Json) -> Effect:
    return _putting("follow_ups", texts(fields(data, "data").get("follow_ups"), "follow_ups"))


def _cancel(data: Json) -> Effect:
    found = fields(data, "data") if data is not None else {}
    put = {**_given(found, {"output": ("output", array)}), "done": True, "stopped": True}
    return Effect(Ops(put, {"extra": {"interrupted": True}} if found.get("interrupted") is True else {}))


def _title(data: Json) -> Effect:
    return Effect(chat={"title": text(data, "title")})


def _tags(data: Json) -> Effect:
    return Effect(chat={"tags": texts(data, "tags")})


_MESSAGE: Mapping[str, tuple[str, Check]] = {
    **{name: check for name, check in _COMPLETION.items() if name != "error"},
    "role": ("role", text),
    "statusHistory": ("status_history", array),
    "files": ("files", array),
    "embeds": ("embeds", array),
    "followUps": ("follow_ups", array),
    "code_executions": ("code_executions", lambda value, name: keyed(array(value, name))),
    "stopped": ("stopped", boolean),
    "timestamp": ("timestamp", seconds),
}
_MESSAGE_OR_NULL: Mapping[str, tuple[str, Check]] = {
    "parentId": ("parent_id", nullable_text),
    "model": ("model", nullable_text),
    "error": ("error", anything),
}
_DERIVED = {"id", "childrenIds"}  # the key of the mapping, and the others' parentId, say it


def _whole_message(value: Json, name: str) -> Ops:
    found = fields(value, name)
    put = _given(found, _MESSAGE)
    put |= {column: check(found[key], key) for key, (column, check) in _MESSAGE_OR_NULL.items() if key in found}
    known = _MESSAGE.keys() | _MESSAGE_OR_NULL.keys() | _DERIVED
    extra: JsonObject = {key: item for key, item in found.items() if key not in known}
    return Ops(put, {"extra": extra} if extra else {})


def _turn(found: JsonObject) -> Effect:
    messages = {} if found.get("messages") is None else fields(found["messages"], "messages")
    ops = {identifier(key, "a message's id"): _whole_message(value, "a message") for key, value in messages.items()}
    current_id = optional_id(found, "currentId")
    return Effect(chat={} if current_id is None else {"current_id": current_id}, messages=ops)


def _messages(data: Json) -> Effect:
    return _turn(fields(data, "data"))


_NEW: Mapping[str, tuple[str, Check]] = {
    "title": ("title", text),
    "tags": ("tags", texts),
    "timestamp": ("created_at", seconds),
}


def _new(data: Json) -> Effect:
    found = fields(data, "data")
    turn = _turn(found)
    return Effect(chat={**(turn.chat or {}), **_given(found, _NEW)}, messages=turn.messages)


TYPES: Mapping[str, Handler] = {
    **dict.fromkeys(DELTAS, _delta),
    "replace": _replace,
    "chat:message": _replace,
    "status": _status,
    "source": _source,
    "citation": _source,
    "files": _files,
    "chat:message:files": _files,
    "embeds": _embeds,
    "chat:message:embeds": _embeds,
    "chat:completion": _completion,
    "response:completion": _response,
    "chat:message:error": _error,
    "chat:message:follow_ups": _follow_ups,
    "chat:tasks:cancel": _cancel,
    "chat:title": _title,
    "chat:tags": _tags,
    "chat:messages": _messages,
    "chat:new": _new,
}


def effect(kind: Json, data: Json) -> Effect:
    """What an event of this type does. Raises BadShape when the data is not what the type promises."""
    name = text(kind, "type")
    handler = TYPES.get(name)
    if handler is None:
        return NOTHING
    try:
        return handler(data)
    except BadShape as error:
        raise BadShape(f"{name}: {error}") from error
