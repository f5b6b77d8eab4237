"""Committing folds: exactly once in effect, in few bytes, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncCursor
from psycopg._queries import PostgresQuery
from psycopg.abc import Params, Query

from archive import Archive, ArchiveRefused, CommitResult, RefusedChat, RoomFold, open_pool
from archive.patches import Changes, ChatPatch, MessagePatch, Ops
from streams.entry import Position
from tests.support.postgres import UserLog


class _MeasuredCursor(AsyncCursor[Any]):
    """Counts statements, and the bytes of the parameters as they are handed to libpq."""

    statements = 0
    parameter_bytes = 0

    def _convert_query(self, query: Query, params: Params | None = None) -> PostgresQuery:
        converted = super()._convert_query(query, params)
        _MeasuredCursor.statements += bool(converted.query)  # the pool's check of a connection is an empty one
        _MeasuredCursor.parameter_bytes += sum(len(value) for value in converted.params or () if value is not None)
        return converted

    @classmethod
    def reset(cls) -> None:
        cls.statements = cls.parameter_bytes = 0


@pytest.fixture
async def measured(database_url: str) -> AsyncIterator[Archive]:
    """An archive whose statements _MeasuredCursor counts."""
    pool = open_pool(database_url, max_size=1)
    pool.kwargs = {"autocommit": True, "cursor_factory": _MeasuredCursor}
    async with pool:
        await pool.wait()
        yield Archive(pool)


def long_chat(messages: int, content: str) -> dict[str, Any]:
    return {"messages": {f"message {n}": {"content": content, "role": "user"} for n in range(messages)}}


async def content(archive: Archive, chat_id: str = "chat", message_id: str = "message") -> str:
    chat = await archive.chat(chat_id)
    assert chat is not None
    return chat.messages[message_id].content


async def test_a_small_delta_in_a_long_chat_sends_less_than_one_kilobyte(measured: Archive) -> None:
    log = UserLog()
    log.add("chat:messages", long_chat(200, "x" * 2048))
    _MeasuredCursor.reset()
    await measured.commit([log.fold()])
    assert _MeasuredCursor.parameter_bytes > 200 * 2048, "the measure sees what is sent"

    log.add("message", {"content": "12345"}, message_id="message 150")
    _MeasuredCursor.reset()
    await measured.commit([log.fold(1)])
    assert 5 < _MeasuredCursor.parameter_bytes < 1024
    assert await content(measured, message_id="message 150") == "x" * 2048 + "12345"


async def test_five_hundred_deltas_of_many_rooms_take_one_statement(measured: Archive) -> None:
    logs = [UserLog(f"user {n}") for n in range(20)]
    for log in logs:
        for _ in range(500):
            log.add("message", {"content": "word "}, chat_id=f"chat of {log.room}")
    _MeasuredCursor.reset()
    result = await measured.commit([log.fold() for log in logs])
    assert len(result.moved) == 20
    assert _MeasuredCursor.statements == 1
    assert await content(measured, chat_id="chat of user:user 7") == "word " * 500


async def test_the_position_moves_with_the_rows(archive: Archive) -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    assert await archive.stored([log.room, "user:nobody"]) == {log.room: Position.ZERO, "user:nobody": Position.ZERO}
    assert await archive.commit([log.fold()]) == CommitResult(frozenset({log.room}), ())
    assert await archive.stored([log.room]) == {log.room: log.position()}


async def test_a_fold_committed_twice_is_stored_once(archive: Archive) -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    await archive.commit([log.fold()])
    assert await archive.commit([log.fold()]) == CommitResult(frozenset(), ())
    log.add("message", {"content": "b"})
    for _ in range(2):
        await archive.commit([log.fold(1)])
    assert await content(archive) == "ab"


async def test_a_room_that_stands_elsewhere_does_not_hold_up_the_others(archive: Archive) -> None:
    good, stale = UserLog("good"), UserLog("stale")
    for log in (good, stale):
        log.add("message", {"content": "a"}, chat_id=log.room)
        log.add("message", {"content": "b"}, chat_id=log.room)
    result = await archive.commit([stale.fold(1), good.fold()])  # stale's first entry was never stored
    assert result.moved == {good.room}
    assert await archive.chat(stale.room) is None
    assert await content(archive, good.room) == "ab"


async def test_a_room_moves_when_its_entries_change_nothing(archive: Archive) -> None:
    log = UserLog()
    log.add("notification", {})
    assert await archive.commit([log.fold()]) == CommitResult(frozenset({log.room}), ())
    assert await archive.stored([log.room]) == {log.room: log.position()}


async def test_nothing_to_commit_is_no_error(archive: Archive) -> None:
    assert await archive.commit([]) == CommitResult(frozenset(), ())


async def test_of_two_workers_that_fold_the_same_entries_one_stores_them(archive: Archive) -> None:
    log = UserLog()
    for n in range(40):
        log.add("message", {"content": f"{n} "})
        results = await asyncio.gather(*(archive.commit([log.fold(n)]) for _ in range(4)))
        assert sorted(len(result.moved) for result in results) == [0, 0, 0, 1]
    assert await content(archive) == "".join(f"{n} " for n in range(40))


async def test_commits_of_the_same_rooms_in_any_order_do_not_deadlock(archive: Archive) -> None:
    logs = [UserLog(f"user {n}") for n in range(10)]
    for round_ in range(10):
        for log in logs:
            log.add("message", {"content": "a"}, chat_id=log.room)
        folds = [log.fold(round_) for log in logs]
        results = await asyncio.gather(archive.commit(folds), archive.commit(folds[::-1]), archive.commit(folds[5:]))
        assert sum(len(result.moved) for result in results) == 10
    assert await content(archive, "user:user 3") == "a" * 10


async def test_forty_concurrent_events_of_each_kind_are_all_stored(archive: Archive) -> None:
    log = UserLog()
    for n in range(40):
        log.add("message", {"content": "x"})
        log.add("source", {"n": n})
        log.add("status", {"n": n})
    for begin in range(0, 120, 7):
        await archive.commit([log.fold(begin, min(begin + 7, 120))])
    chat = await archive.chat("chat")
    assert chat is not None
    message = chat.messages["message"]
    assert message.content == "x" * 40
    assert message.sources == message.status_history == tuple({"n": n} for n in range(40))


async def test_code_executions_are_replaced_where_they_stand_and_new_ones_follow(archive: Archive) -> None:
    def run(name: str, result: int) -> dict[str, Any]:
        return {"type": "code_execution", "id": name, "result": result}

    log = UserLog()
    stored = ["a text", {"id": 1}, run("a", 0), run("b", 0), run("c", 0)]
    log.add("chat:messages", {"messages": {"message": {"code_executions": stored}}})
    for name in ("z", "c", "1", "a"):
        log.add("source", run(name, 1))
    await archive.commit([log.fold(0, 1)])
    await archive.commit([log.fold(1)])
    chat = await archive.chat("chat")
    assert chat is not None
    expected = ("a text", {"id": 1}, run("a", 1), run("b", 0), run("c", 1), run("z", 1), run("1", 1))
    assert chat.messages["message"].code_executions == expected


async def test_a_chat_of_another_owner_is_refused_and_reported(archive: Archive) -> None:
    owner, thief = UserLog("owner"), UserLog("thief")
    owner.add("message", {"content": "mine"})
    await archive.commit([owner.fold()])
    thief.add("replace", {"content": "stolen"})
    thief.add("chat:title", "Stolen")
    thief.add("message", {"content": "own"}, chat_id="thief's")
    result = await archive.commit([thief.fold()])
    assert result == CommitResult(frozenset({thief.room}), (RefusedChat(thief.room, "chat"),))
    chat = await archive.chat("chat")
    assert chat is not None
    assert (chat.user_id, chat.title, await content(archive)) == ("owner", "New Chat", "mine")
    assert await content(archive, "thief's") == "own"


async def test_of_two_owners_that_create_one_chat_in_one_commit_one_gets_it(archive: Archive) -> None:
    logs = [UserLog("a"), UserLog("b")]
    for log in logs:
        log.add("message", {"content": log.room})
    result = await archive.commit([log.fold() for log in logs])
    assert result == CommitResult(frozenset({"user:a", "user:b"}), (RefusedChat("user:b", "chat"),))
    assert await content(archive) == "user:a"


async def test_of_two_owners_that_create_one_chat_at_once_one_gets_it(archive: Archive) -> None:
    for n in range(20):
        logs = [UserLog(f"a {n}"), UserLog(f"b {n}")]
        for log in logs:
            log.add("message", {"content": log.room}, chat_id=f"chat {n}")
        results = await asyncio.gather(*(archive.commit([log.fold()]) for log in logs))
        assert sorted(len(result.refused) for result in results) == [0, 1]
        assert await content(archive, f"chat {n}") == f"user:{await archive.owner(f'chat {n}')}"


async def test_data_that_the_database_rejects_stores_nothing_of_the_commit(archive: Archive) -> None:
    good = UserLog("good")
    good.add("message", {"content": "a"})
    message = MessagePatch(1, Ops(put={"content": "nul \0"}))  # the fold never makes this
    bad = RoomFold("user:bad", Position.ZERO, Position(1, 0), Changes({"bad": ChatPatch(1, 1, {}, {"m": message})}))
    with pytest.raises(ArchiveRefused) as caught:
        await archive.commit([good.fold(), bad])
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert await archive.stored([good.room, bad.room]) == {good.room: Position.ZERO, bad.room: Position.ZERO}
    assert (await archive.commit([good.fold()])).moved == {good.room}


async def test_a_commit_that_is_cancelled_leaves_the_archive_usable(archive: Archive) -> None:
    log = UserLog()
    log.add("message", {"content": "a" * 1_000_000})
    task = asyncio.create_task(archive.commit([log.fold()]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stands = (await archive.stored([log.room]))[log.room]
    await archive.commit([log.fold(0 if stands == Position.ZERO else 1)])
    assert await content(archive) == "a" * 1_000_000


def test_a_fold_that_goes_back_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="would go back"):
        RoomFold("user:a", Position(2, 0), Position(1, 0), Changes())


async def test_a_room_may_be_in_a_commit_only_once(archive: Archive) -> None:
    log = UserLog()
    log.add("message", {"content": "a"})
    with pytest.raises(ValueError, match="only once"):
        await archive.commit([log.fold(), log.fold()])
