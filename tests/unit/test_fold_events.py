"""The contract's table of `events` types: what each does to the message and the chat that it names."""

from __future__ import annotations

from typing import Any

import pytest

from archive import StoredChat, StoredMessage, apply, fold, fold_all, sift
from archive.errors import FoldError
from archive.patches import Changes
from tests.support.postgres import UserLog

STARTED_S = 1_763_700_000


def folded(*events: tuple[str, Any], **ids: object) -> StoredChat:
    log = UserLog()
    for kind, data in events:
        log.add(kind, data, **ids)
    return apply(StoredChat.empty("chat", "owner"), fold_all(log.entries))


def message(*events: tuple[str, Any]) -> StoredMessage:
    return folded(*events).messages["message"]


CODE = {"type": "code_execution", "id": "run", "code": "1"}
BUILT: list[tuple[str, list[tuple[str, Any]], str, object]] = [
    ("deltas append", [("message", {"content": "a"}), ("chat:message:delta", {"content": "b"})], "content", "ab"),
    ("replace sets", [("message", {"content": "a"}), ("replace", {"content": "c"})], "content", "c"),
    ("chat:message sets", [("message", {"content": "a"}), ("chat:message", {"content": "c"})], "content", "c"),
    ("a delta follows what was set", [("replace", {"content": "a"}), ("message", {"content": "b"})], "content", "ab"),
    ("status appends", [("status", {"n": 1}), ("status", {"n": 2})], "status_history", ({"n": 1}, {"n": 2})),
    ("sources append", [("source", {"n": 1}), ("citation", {"n": 2})], "sources", ({"n": 1}, {"n": 2})),
    (
        "a code execution is inserted, then replaced in place by its id",
        [("source", CODE), ("source", {**CODE, "id": "other"}), ("citation", {**CODE, "result": {}})],
        "code_executions",
        ({**CODE, "result": {}}, {**CODE, "id": "other"}),
    ),
    ("files extend", [("files", {"files": [1]}), ("chat:message:files", {"files": [2, 3]})], "files", (1, 2, 3)),
    ("embeds extend", [("embeds", {"embeds": ["a"]}), ("embeds", {"embeds": ["b"]})], "embeds", ("a", "b")),
    (
        "embeds replace when they say so",
        [("embeds", {"embeds": ["a"]}), ("chat:message:embeds", {"embeds": ["b"], "replace": True})],
        "embeds",
        ("b",),
    ),
    ("a completion sets the whole text", [("chat:completion", {"content": "all"})], "content", "all"),
    ("a completion sets output", [("chat:completion", {"output": [1]})], "output", (1,)),
    ("a completion sets done", [("chat:completion", {"done": True})], "done", True),
    ("a completion sets usage", [("chat:completion", {"usage": {"total": 3}})], "usage", {"total": 3}),
    ("a completion sets error", [("chat:completion", {"error": {"content": "no"}})], "error", {"content": "no"}),
    ("a completion sets sources", [("source", {"n": 1}), ("chat:completion", {"sources": [2]})], "sources", (2,)),
    (
        "what a completion does not give stays",
        [("message", {"content": "a"}), ("chat:completion", {"done": True, "content": None})],
        "content",
        "a",
    ),
    (
        "a completion names the model that an arena chose",
        [("chat:completion", {"selected_model_id": "m1"})],
        "extra",
        {"selectedModelId": "m1", "arena": True},
    ),
    (
        "Responses text deltas append",
        [("response:completion", {"type": "response.output_text.delta", "delta": d}) for d in ("a", "b")],
        "content",
        "ab",
    ),
    (
        "Responses items append as they complete",
        [("response:completion", {"type": "response.output_item.done", "item": {"id": i}}) for i in ("a", "b")],
        "output",
        ({"id": "a"}, {"id": "b"}),
    ),
    (
        "the end of a response sets its usage",
        [("response:completion", {"type": "response.completed", "response": {"usage": {"n": 1}}})],
        "usage",
        {"n": 1},
    ),
    ("an error is kept", [("chat:message:error", {"error": {"content": "no"}})], "error", {"content": "no"}),
    ("an error ends the message", [("chat:message:error", {"error": {"content": "no"}})], "done", True),
    ("follow-ups are set", [("chat:message:follow_ups", {"follow_ups": [f]}) for f in "ab"], "follow_ups", ("b",)),
    ("a stop ends the message", [("chat:tasks:cancel", {})], "done", True),
    ("a stop is marked", [("chat:tasks:cancel", None)], "stopped", True),
    ("an interruption is a stop", [("chat:tasks:cancel", {"interrupted": True})], "stopped", True),
    ("an interruption is marked", [("chat:tasks:cancel", {"interrupted": True})], "extra", {"interrupted": True}),
    (
        "a new run of a message clears its error",
        [("chat:message:error", {"error": "no"}), ("chat:messages", {"messages": {"message": {"error": None}}})],
        "error",
        None,
    ),
    ("a stop may give the output so far", [("chat:tasks:cancel", {"output": [1]})], "output", (1,)),
]


@pytest.mark.parametrize(("events", "field", "expected"), [row[1:] for row in BUILT], ids=[row[0] for row in BUILT])
def test_an_event_changes_its_message(events: list[tuple[str, Any]], field: str, expected: object) -> None:
    assert getattr(message(*events), field) == expected


def test_title_and_tags_are_the_chats_own() -> None:
    chat = folded(("chat:title", "Fish"), ("chat:tags", ["food", "sea"]), message_id=None)
    assert (chat.title, chat.tags, chat.messages) == ("Fish", ("food", "sea"), {})


def test_a_completion_can_carry_the_title_without_a_message() -> None:
    chat = folded(("chat:completion", {"title": "Fish", "done": True}), message_id=None)
    assert (chat.title, chat.messages) == ("Fish", {})


def test_a_turn_is_inserted_in_its_order_with_unknown_fields_kept() -> None:
    user = {
        "id": "q",
        "parentId": None,
        "childrenIds": ["a"],
        "role": "user",
        "content": "Hi?",
        "timestamp": 5,
        "x": [1],
    }
    answer = {"parentId": "q", "role": "assistant", "content": "", "model": "m", "done": False, "files": None}
    chat = folded(("chat:messages", {"messages": {"q": user, "a": answer}, "currentId": "a"}), message_id="a")
    assert chat.current_id == "a"
    assert list(chat.messages.values()) == [
        StoredMessage("q", timestamp=5, role="user", content="Hi?", extra={"x": [1]}),
        StoredMessage("a", timestamp=STARTED_S, parent_id="q", model="m"),
    ]


def test_a_new_chat_has_its_title_time_and_messages() -> None:
    data = {"title": "Fish", "timestamp": 7, "messages": {"q": {"role": "user"}}, "currentId": "q"}
    chat = folded(("chat:new", data), message_id=None)
    assert (chat.title, chat.created_at, chat.current_id, list(chat.messages)) == ("Fish", 7, "q", ["q"])


def test_a_new_chat_needs_no_title() -> None:
    assert folded(("chat:new", {}), message_id=None).title == "New Chat"


def test_an_event_for_an_unknown_chat_creates_the_chat_and_the_message() -> None:
    chat = folded(("status", {}), ("status", {}), ("status", {}), ("status", {}))
    assert (chat.title, chat.created_at, chat.updated_at) == ("New Chat", STARTED_S, STARTED_S + 1)
    assert chat.messages["message"] == StoredMessage("message", STARTED_S, status_history=({},) * 4)


IGNORED = ["chat:active", "chat:list", "notification", "typing", "execute:tool", "request:user_input", "made up"]


@pytest.mark.parametrize("kind", IGNORED)
def test_what_the_table_does_not_fold_changes_nothing(kind: str) -> None:
    log = UserLog()
    log.add(kind, 42)
    assert not fold_all(log.entries)


@pytest.mark.parametrize("chat_id", ["local", "local:1", "temporary:1", "channel:1", "", None])
def test_a_chat_that_is_not_kept_changes_nothing(chat_id: str | None) -> None:
    log = UserLog()
    log.add("message", {"content": 42}, chat_id=chat_id)
    assert not fold_all(log.entries)


def test_a_message_event_without_a_message_changes_nothing() -> None:
    log = UserLog()
    log.add("message", {"content": "a"}, message_id=None)
    log.add("response:completion", {"type": "response.created"})
    assert not fold_all(log.entries)


def test_other_rooms_and_other_events_change_nothing() -> None:
    log = UserLog()
    log.raw(log.add("message", {"content": "a"}).data, room="chat:chat")
    log.raw(b"\xff", event="events:note")
    assert not fold_all(log.entries[1:])


POISON: list[tuple[str, Any, str]] = [
    ("message", {"content": 5}, "message: content is a number, expected text"),
    ("message", {}, "message: content is null, expected text"),
    ("message", "a", "message: data is text, expected an object"),
    ("replace", {"content": ["a"]}, "replace: content is a list, expected text"),
    ("status", [], "status: data is a list, expected an object"),
    ("source", {"type": "code_execution"}, "source: id of a code execution is null, expected text"),
    ("files", {"files": {}}, "files: files is an object, expected a list"),
    ("embeds", {}, "embeds: embeds is null, expected a list"),
    ("chat:completion", {"done": 1}, "chat:completion: done is a number, expected a boolean"),
    (
        "response:completion",
        {"type": "response.output_text.delta"},
        "response:completion: delta is null, expected text",
    ),
    (
        "chat:message:follow_ups",
        {"follow_ups": [1]},
        "chat:message:follow_ups: an item of follow_ups is a number, expected text",
    ),
    ("chat:title", None, "chat:title: title is null, expected text"),
    ("chat:tags", "a", "chat:tags: tags is text, expected a list"),
    ("chat:messages", {"messages": []}, "chat:messages: messages is a list, expected an object"),
    ("chat:messages", {"messages": {"m": 1}}, "chat:messages: a message is a number, expected an object"),
    (
        "chat:messages",
        {"messages": {"m": {"timestamp": True}}},
        "chat:messages: timestamp is a boolean, expected Unix seconds",
    ),
    ("chat:new", {"timestamp": -1}, "chat:new: timestamp is out of range, expected Unix seconds"),
]


@pytest.mark.parametrize(("kind", "data", "reason"), POISON)
def test_a_wrong_shape_is_poison_and_says_what_is_wrong(kind: str, data: Any, reason: str) -> None:
    log = UserLog()
    entry = log.add(kind, data)
    with pytest.raises(FoldError) as caught:
        fold(Changes(), entry)
    assert (caught.value.reason, caught.value.position) == (reason, entry.position)


NO_ENVELOPE = [
    b"",
    b"{",
    b"\xff\x00",
    b"[]",
    b"null",
    b'{"chat_id":"c"}',
    b'{"chat_id":"c","data":[]}',
    b'{"chat_id":"c","data":{}}',
    b'{"chat_id":["c"],"data":{"type":"x"}}',
    b'{"chat_id":"c","message_id":{},"data":{"type":"status","data":{}}}',
    b'{"chat_id":"%s","data":{"type":"x"}}' % (b"c" * 256),
    b'{"chat_id":"\\ud800"}',
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
]


@pytest.mark.parametrize("payload", NO_ENVELOPE, ids=lambda payload: repr(payload[:40]))
def test_a_payload_that_is_no_envelope_is_poison(payload: bytes) -> None:
    log = UserLog()
    with pytest.raises(FoldError):
        fold_all([log.raw(payload)])


def test_poison_is_reported_and_the_rest_is_folded() -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    bad = log.add("message", {"content": None})
    log.add("message", {"content": "b"})
    sifted = sift(log.entries)
    assert apply(StoredChat.empty("chat", "owner"), sifted.changes).messages["message"].content == "ab"
    assert [error.position for error in sifted.poison] == [bad.position]


def test_a_nul_becomes_a_replacement_character_and_an_escaped_backslash_stays() -> None:
    log = UserLog()
    log.add("message", {"content": "a\0\0b \\u0000 \\\0"})
    chat = apply(StoredChat.empty("chat", "owner"), fold_all(log.entries))
    assert chat.messages["message"].content == "a\ufffd\ufffdb \\u0000 \\\ufffd"


def test_five_hundred_deltas_are_one_append() -> None:
    log = UserLog()
    for _ in range(500):
        log.add("message", {"content": "word "})
    patch = fold_all(log.entries).chats["chat"].messages["message"]
    assert patch.ops.add == {"content": "word " * 500}
