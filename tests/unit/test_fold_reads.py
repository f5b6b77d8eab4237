"""What readers get: the stored snapshot with the tail on top, in the form of the contract."""

from __future__ import annotations

from dataclasses import replace

from archive import StoredChat, apply, fold_all, overlay, to_wire
from streams.entry import Position
from tests.support.postgres import UserLog


def test_the_overlay_adds_only_what_is_not_stored_yet() -> None:
    log = UserLog()
    for content in ("a", "b", "c"):
        log.add("message", {"content": content})
    stored = replace(
        apply(StoredChat.empty("chat", "owner"), fold_all(log.entries[:2])), position=log.entries[1].position
    )
    read = overlay(stored, "chat", "owner", log.entries)
    assert read is not None
    assert read.messages["message"].content == "abc"
    assert read.position == log.entries[-1].position


def test_a_chat_that_only_the_log_knows_can_be_read() -> None:
    log = UserLog()
    log.add("chat:new", {"title": "Fish"})
    log.add("chat:title", "Other", chat_id="other")
    read = overlay(None, "chat", "owner", log.entries)
    assert read is not None
    assert (read.user_id, read.title, read.position) == ("owner", "Fish", log.entries[-1].position)


def test_a_chat_that_nobody_knows_is_none() -> None:
    log = UserLog()
    log.add("chat:title", "Other", chat_id="other")
    assert overlay(None, "chat", "owner", log.entries) is None
    assert overlay(None, "chat", "owner", []) is None


def test_the_overlay_passes_over_poison_and_other_rooms() -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    log.add("message", {"content": 1})
    stranger = UserLog("stranger")
    stranger.add("message", {"content": "evil"})
    read = overlay(None, "chat", "owner", [*log.entries, *stranger.entries])
    assert read is not None
    assert read.messages["message"].content == "a"


def test_a_stranger_changes_nothing_in_a_stored_chat() -> None:
    stored = StoredChat("chat", "owner", created_at=1, updated_at=1)
    stranger = UserLog("stranger")
    stranger.add("chat:title", "Mine now")
    assert overlay(stored, "chat", "stranger", stranger.entries) is stored


def test_the_wire_form_derives_children_by_time_and_then_by_insertion() -> None:
    log = UserLog()
    turn = {
        "q": {"role": "user", "content": "?", "timestamp": 1},
        "late": {"parentId": "q", "timestamp": 9},
        "first": {"parentId": "q", "timestamp": 5, "models": ["m"]},
        "second": {"parentId": "q", "timestamp": 5},
    }
    log.add("chat:messages", {"messages": turn})
    read = overlay(None, "chat", "owner", log.entries)
    assert read is not None
    wire = to_wire(read, Position(8, 1))
    assert wire["position"] == "8-1"
    history = wire["chat"]["history"]
    assert history["currentId"] == "late"
    messages = history["messages"]
    assert messages["q"]["childrenIds"] == ["first", "second", "late"]
    assert messages["first"] == {
        "id": "first", "parentId": "q", "childrenIds": [], "role": "assistant", "content": "", "statusHistory": (),
        "sources": (), "files": (), "embeds": (), "followUps": (), "error": None, "done": False, "model": None,
        "timestamp": 5, "models": ["m"],
    }  # fmt: skip


def test_the_wire_form_has_what_a_message_may_have_when_it_has_it() -> None:
    log = UserLog()
    log.add("source", {"type": "code_execution", "id": "run"})
    log.add("chat:completion", {"usage": {"n": 1}})
    log.add("chat:tasks:cancel", {"output": [1]})
    read = overlay(None, "chat", "owner", log.entries)
    assert read is not None
    message = to_wire(read)["chat"]["history"]["messages"]["message"]
    assert message["code_executions"] == ({"type": "code_execution", "id": "run"},)
    assert (message["usage"], message["output"], message["stopped"]) == ({"n": 1}, (1,), True)
