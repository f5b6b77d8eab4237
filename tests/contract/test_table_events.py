"""Rows of the tables of events (docs/contract.md §4, §5) that no other test has for its subject."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from archive.store import Archive
from tests.contract.clients import listening
from tests.contract.test_chats import calling, join, share, two
from tests.support.nodes import Fleet, eventually, token


async def test_heartbeats_are_one_sql_write_a_minute_and_user_over_all_nodes(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    touch = Archive.touch_user

    async def counted(archive: Archive, user_id: str, at_s: int) -> Any:
        written.append(user_id)
        return await touch(archive, user_id, at_s)

    monkeypatch.setattr(Archive, "touch_user", counted)
    async with (
        two(fleet) as (one, other),
        listening(one.url) as near,
        listening(other.url) as far,
        listening(other.url, "bob") as bob,
    ):
        with psycopg.connect(fleet.database_url, autocommit=True) as sql:

            def active() -> set[str]:
                rows = sql.execute("SELECT id FROM users WHERE last_active_at > extract(epoch FROM now()) - 60")
                return {str(user_id) for (user_id,) in rows}

            def known() -> bool:
                return sql.execute("SELECT count(*) FROM users WHERE id IN ('alice', 'bob')").fetchone() == (2,)

            await eventually(known)
            for _ in range(5):
                for page in (near, far, bob):
                    await page.call("heartbeat", {})
            await eventually(lambda: active() == {"alice", "bob"})
            assert sorted(written) == ["alice", "bob"]
            for page in (near, far, bob):
                assert page.got == [], "nobody is told"


async def test_a_heartbeat_that_could_not_be_written_is_written_by_the_next_one(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(fleet) as (one, other), listening(one.url) as near, listening(other.url) as far:
        with psycopg.connect(fleet.database_url, autocommit=True) as sql:

            def active() -> bool:
                return sql.execute("SELECT last_active_at > 0 FROM users WHERE id = 'alice'").fetchone() == (True,)

            await eventually(lambda: sql.execute("SELECT FROM users WHERE id = 'alice'").fetchone() is not None)
            monkeypatch.setattr("app.users.WRITE_S", 0.1)
            with sql.transaction():
                sql.execute("LOCK TABLE users")
                await near.call("heartbeat", {})
            assert not active()
            monkeypatch.setattr("app.users.WRITE_S", 10.0)
            await far.call("heartbeat", {})
            assert active()


async def test_who_leaves_a_chat_gets_no_more_of_it_live_or_replayed(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (alice,):
        chat = await alice.new_chat()
        await share(alice, chat, bob="read", carol="read")
        async with listening(other.url, "bob") as bob, listening(other.url, "carol") as carol:
            assert await join(bob, chat)
            assert await join(carol, chat)
            await alice.emit(chat, "message", {"content": "one"})
            await eventually(lambda: bob.contents == carol.contents == ["one"])
            assert await bob.call("events:chat", {"chat_id": chat, "data": {"type": "leave"}}) is True
            await alice.emit(chat, "message", {"content": "two"})
            await bob.drop()
            await alice.emit(chat, "message", {"content": "three"})
            await bob.open(other.url, token("bob"), transports=["websocket"])
            assert bob.recovered
            await one.node.producer.emit_to_users("end", {}, ["bob"])
            await eventually(lambda: carol.contents == ["one", "two", "three"] and bob.of("end"))
            assert bob.contents == ["one"]


async def test_a_session_that_cannot_be_resumed_is_told_its_rooms_and_from_where(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (alice,), listening(other.url) as page:
        chat = await alice.new_chat()
        page.pid = "a session that nobody kept"
        before = await alice.emit(chat, "message", {"content": "one"})
        await page.drop()
        page.got.clear()
        await page.open(other.url, token(), transports=["websocket"])
        assert not page.recovered
        await eventually(lambda: page.of("room:reset"))
        ((event, (reset,)),) = page.got
        assert (event, reset["rooms"]) == ("room:reset", ["user:alice"])
        assert (await alice.chat(chat))["position"] == before
        await alice.emit(chat, "message", {"content": "two"})
        await eventually(lambda: page.contents)
        missed = await alice.client.get("/api/v1/rooms/user:alice/events", params={"after": reset["position"]})
        assert [line["data"]["data"]["data"]["content"] for line in missed.json()["events"]] == page.contents == ["two"]


async def test_an_error_goes_to_its_sender_only(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(one.url) as near, listening(other.url) as far:
        async with listening(other.url) as tab:
            assert await tab.call("events:chat", {"chat_id": "unknown", "data": {"type": "join"}}) is False
            await eventually(lambda: tab.of("error"))
            await one.node.producer.emit_to_users("end", {}, ["alice"])
            await eventually(lambda: all(page.of("end") for page in (near, far, tab)))
            assert [set(body) for body in tab.of("error")] == [{"message"}]
            assert [arguments[1:] for event, arguments in tab.got if event == "error"] == [()]
        assert near.of("error") == far.of("error") == []
