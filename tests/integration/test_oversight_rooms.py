"""The list of rooms, of ten thousand too: bounded by commands, whatever is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from archive import Archive, Changes, RoomFold
from oversight.rooms import WINDOW, Cursor, Room, RoomList, RoomPage
from registry.pool import Pool, Pooled
from registry.present import Presence, Present
from streams.append import Appender, NewEntry
from streams.entry import Position
from streams.keys import Keys
from streams.link import Client, Link
from tests.support.valkey import ValkeyServer, running_appender

READ = {"hscan", "xlen", "hmget", "zcount", "time", "hlen", "evalsha", "eval", "hget", "xrange"}


@dataclass
class Shard:
    """link, client, appender: of a server of its own, whose commands can be counted."""

    link: Link
    client: Client
    appender: Appender
    archive: Archive

    @property
    def rooms(self) -> RoomList:
        return RoomList(self.link, self.client, self.archive)

    async def say(self, *rooms: str) -> list[Position]:
        """One entry in each room, in order."""
        some = [self.appender.append(NewEntry(room, "events", b'{"n":1}')) for room in rooms]
        return [appended.position for appended in await asyncio.gather(*some)]

    async def commands(self) -> dict[str, int]:
        """How often each reading command was called, ever."""
        stats = await self.client.info("commandstats")
        return {name.removeprefix("cmdstat_"): int(told["calls"]) for name, told in stats.items()}

    async def counted(self, **query: object) -> tuple[RoomPage, dict[str, int]]:
        """A page, and the commands that it took."""
        before = await self.commands()
        page = await self.rooms.page(**query)  # type: ignore[arg-type]
        after = await self.commands()
        return page, {name: after[name] - before.get(name, 0) for name in after if name in READ}


@pytest.fixture
async def shard(own_valkey: ValkeyServer, archive: Archive) -> AsyncIterator[Shard]:
    link = Link(own_valkey.url, Keys("own"))
    async with running_appender(link) as appender:
        yield Shard(link, link.client(connections=2), appender, archive)
    await link.aclose()


async def named(shard: Shard, **query: object) -> list[str]:
    return [room.room for room in (await shard.rooms.page(**query)).rooms]  # type: ignore[arg-type]


async def one(shard: Shard, room: str) -> Room:
    found = await shard.rooms.one(room)
    assert found is not None
    return found


async def test_a_room_is_told_with_its_length_members_and_what_is_not_folded(shard: Shard) -> None:
    positions = await shard.say(*["user:alice"] * 3, "chat:c")
    pool, presence = Pool(shard.link.keys, shard.client, 60), Presence(shard.link.keys, shard.client, 60)
    for number in range(2):
        await pool.enter(Pooled(f"s{number}", "alice", f"node/{number}"))
    await presence.enter("chat:c", Present("node/1", "bob", "Bob"), None)
    told = await one(shard, "user:alice")
    assert (told.length, told.members, told.newest) == (3, 2, str(positions[2]))
    assert (told.stored, told.unfolded, told.more_unfolded) == (None, 3, False)
    assert told.lag_s > 0
    await shard.archive.commit([RoomFold("user:alice", Position.ZERO, positions[1], Changes())])
    told = await one(shard, "user:alice")
    assert (told.stored, told.unfolded) == (str(positions[1]), 1)
    await shard.archive.commit([RoomFold("user:alice", positions[1], positions[2], Changes())])
    told = await one(shard, "user:alice")
    assert (told.unfolded, told.lag_s) == (0, 0.0)
    copies = await one(shard, "chat:c")
    assert (copies.stored, copies.unfolded, copies.lag_s) == (None, None, 0.0), "copies for viewers are never folded"
    assert copies.members == 1
    detail = await shard.rooms.detail("chat:c", 60)
    assert detail is not None
    assert [(member.user_id, member.node, member.sid) for member in detail.member_list] == [("bob", "node", None)]
    assert await shard.rooms.one("chat:unknown") is None


async def test_entries_that_wait_are_counted_as_far_as_it_is_cheap(shard: Shard) -> None:
    await shard.say(*["user:many"] * 1_200)
    large = NewEntry("user:large", "events", b'"' + b"x" * 60_000 + b'"')
    await asyncio.gather(*(shard.appender.append(large) for _ in range(5)))
    listed = {room.room: room for room in (await shard.rooms.page(q="user:")).rooms}
    assert (listed["user:many"].unfolded, listed["user:many"].more_unfolded) == (100, True)
    assert (listed["user:large"].unfolded, listed["user:large"].more_unfolded) == (3, True)
    assert ((await one(shard, "user:many")).unfolded, listed["user:many"].length) == (1_000, 1_200)


async def test_rooms_are_found_by_any_part_of_the_name_taken_literally(shard: Shard) -> None:
    await shard.say("user:alice", "user:al*ce", "user:a[l]", "chat:alice", "user:a\\b")
    assert await named(shard, q="alice") == ["chat:alice", "user:alice"]
    assert await named(shard, q="al*c") == ["user:al*ce"]
    assert await named(shard, q="[l]") == ["user:a[l]"]
    assert await named(shard, q="\\") == ["user:a\\b"]
    assert await named(shard, q="l?ce") == []


async def test_rooms_are_sorted_by_what_is_asked(shard: Shard) -> None:
    first, *_ = await shard.say("user:b", "user:c", "user:c", "user:a", "chat:z")
    assert await named(shard, order="newest") == ["chat:z", "user:a", "user:c", "user:b"]
    assert (await named(shard, order="length"))[0] == "user:c"
    await shard.client.hset(shard.link.keys.folded, "user:b", str(first))
    *waiting, last, other = await named(shard, order="lag")
    assert (set(waiting), last, other) == ({"user:a", "user:c"}, "chat:z", "user:b"), (
        "what waits stands before the rest"
    )


async def test_ten_thousand_rooms_are_listed_whole_with_a_bounded_number_of_commands(shard: Shard) -> None:
    for start in range(0, WINDOW, 500):
        await shard.say(*(f"user:{number:05}" for number in range(start, start + 500)))
    for order in ("name", "newest", "lag", "length"):
        page, took = await shard.counted(order=order)
        assert (len(page.rooms), page.known) == (100, WINDOW)
        assert took["hscan"] <= WINDOW // 1000 + 1, took
        assert took["xlen"] <= (WINDOW + 100 if order == "length" else 100), took
        assert sum(took.values()) - took["xlen"] - took["xrange"] <= 150, took
    page, took = await shard.counted(q="09999")
    assert [room.room for room in page.rooms] == ["user:09999"]
    assert sum(took.values()) < 50
    seen, cursor = [], Cursor()
    while True:
        page = await shard.rooms.page(cursor=cursor, limit=500)
        seen += [room.room for room in page.rooms]
        if page.cursor is None:
            break
        cursor = Cursor.parse(page.cursor)
    assert sorted(seen) == [f"user:{number:05}" for number in range(WINDOW)]


async def test_more_rooms_than_a_window_are_said_to_be_partial_and_gone_on_with(
    shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oversight.rooms.WINDOW", 1_000)
    for start in range(0, 3_000, 500):
        await shard.say(*(f"user:{number:05}" for number in range(start, start + 500)))
    seen: set[str] = set()
    page = await shard.rooms.page(limit=500, order="newest")
    assert page.partial
    while page.cursor is not None:
        seen |= {room.room for room in page.rooms}
        page = await shard.rooms.page(limit=500, order="newest", cursor=Cursor.parse(page.cursor))
        assert page.partial
    assert len(seen | {room.room for room in page.rooms}) == 3_000


def test_a_cursor_is_taken_only_as_it_was_given() -> None:
    assert Cursor.parse(str(Cursor(12, 3))) == Cursor(12, 3)
    for bad in ("", "x", "1-", "-1", "1-2-3", "9" * 50 + "-1"):
        with pytest.raises(ValueError, match="cursor"):
            Cursor.parse(bad)
