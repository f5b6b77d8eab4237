"""Channels over HTTP: every route, read your own writes on the other node, folded or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from archive import Archive
from streams.keys import Keys
from streams.link import Link
from tests.support.channels import CHANNELS, ChannelApi, listening
from tests.support.nodes import Fleet, LocalNode, eventually
from workers.config import WorkerConfig
from workers.main import run_loops


@dataclass
class Scene:
    """Alice works on node one, Bob on node two; both are in the channel."""

    one: LocalNode
    two: LocalNode
    alice: ChannelApi
    bob: ChannelApi
    channel: str


@asynccontextmanager
async def scene(fleet: Fleet) -> AsyncIterator[Scene]:
    async with fleet.inside() as one, fleet.inside() as two:
        alice, bob = ChannelApi(one.url, "alice"), ChannelApi(two.url, "bob")
        try:
            yield Scene(one, two, alice, bob, await alice.create("bob"))
        finally:
            await alice.aclose()
            await bob.aclose()


@asynccontextmanager
async def worker(fleet: Fleet, archive: Archive) -> AsyncIterator[None]:
    """A worker inside the test's loop."""
    link, stop = Link(fleet.redis_url, Keys(fleet.key_prefix)), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_loops(link, archive, WorkerConfig(fold_window_s=0.02, sweep_every_s=0.1), stop))
        try:
            yield
        finally:
            stop.set()
    await link.aclose()


async def test_a_channel_is_made_read_and_changed(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        channel = await it.bob.send("GET", f"/{it.channel}")
        assert (channel["name"], channel["user_id"], channel["type"]) == ("fish", "alice", "channel")
        assert (sorted(channel["user_ids"]), channel["is_manager"]) == (["alice", "bob"], False)
        await it.alice.send("POST", f"/{it.channel}/update", {"name": "birds", "description": "of all kinds"})
        (line,) = await it.bob.send("GET", "/")
        assert (line["name"], line["description"]) == ("birds", "of all kinds")
        members = await it.bob.send("GET", f"/{it.channel}/members")
        assert {(m["id"], m["role"]) for m in members["users"]} == {("alice", "owner"), ("bob", "member")}
        assert members["total"] == 2
        await it.alice.send("POST", "/create", {"name": " "}, 400)
        await it.alice.send("POST", "/create", {"name": "g", "type": "group", "user_ids": ["bob"]})


async def test_members_come_and_go(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        members = await it.alice.send("POST", f"/{it.channel}/update/members/add", {"user_ids": ["carol", "bob"]})
        assert {m["id"] for m in members["users"]} == {"alice", "bob", "carol"}
        await it.bob.send("POST", f"/{it.channel}/update/members/remove", {"user_ids": ["bob"]})
        await it.bob.send("GET", f"/{it.channel}", status=404)
        await it.alice.send("POST", f"/{it.channel}/update/members/add", {"user_ids": ["bob"]})
        assert (await it.bob.send("GET", f"/{it.channel}"))["user_count"] == 3


async def test_direct_messages_are_one_channel_from_both_sides_at_once(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        asks = [it.alice.send("GET", "/users/bob"), it.bob.send("GET", "/users/alice")] * 5
        found = [await asks[0], *await asyncio.gather(*asks[1:2])]
        found += await asyncio.gather(*(it.alice.send("GET", "/users/bob") for _ in range(5)))
        assert len({channel["id"] for channel in found}) == 1
        assert found[0]["type"] == "dm"
        assert (await it.bob.send("POST", "/create", {"type": "dm", "user_ids": ["alice"]}))["id"] == found[0]["id"]
        await it.alice.say(found[0]["id"], "hello")
        assert await it.bob.contents(found[0]["id"]) == ["hello"]
        await it.alice.send("GET", "/users/alice", status=400)
        await it.alice.send("DELETE", f"/{found[0]['id']}/delete", status=403)


async def test_pages_of_messages_and_threads(fleet: Fleet, archive: Archive) -> None:
    """Half of the messages are folded, half are not: a page shows no difference."""
    async with scene(fleet) as it:
        async with worker(fleet, archive):
            for number in range(10):
                parent = (await it.alice.say(it.channel, f"{number}"))["id"]
            await it.alice.say(it.channel, "r1", parent_id=parent)
            folded = await it.alice.send("POST", f"/{it.channel}/messages/{parent}/update?ack=sql", {"content": "9!"})
            assert folded["reply_count"] == 1
        for number in range(10, 20):
            await it.alice.say(it.channel, f"{number}")
        await it.alice.say(it.channel, "r2", parent_id=parent)
        every = [str(n) if n != 9 else "9!" for n in reversed(range(20))]
        assert await it.bob.contents(it.channel) == every
        for skip in range(0, 24, 3):
            assert await it.bob.contents(it.channel, skip=skip, limit=3) == every[skip : skip + 3]
        thread = await it.bob.send("GET", f"/{it.channel}/messages/{parent}/thread")
        assert [m["content"] for m in thread] == ["r2", "r1", "9!"]
        thread = await it.bob.send("GET", f"/{it.channel}/messages/{parent}/thread", params={"skip": 1, "limit": 1})
        assert [m["content"] for m in thread] == ["r1"]
        assert (await it.bob.send("GET", f"/{it.channel}/messages/{parent}"))["reply_count"] == 2
        await it.bob.send("GET", f"/{it.channel}/messages?limit=0", status=400)


async def test_what_is_folded_is_what_was_shown_before(fleet: Fleet, archive: Archive) -> None:
    async with scene(fleet) as it:
        first = (await it.alice.say(it.channel, "first", data={"files": [1]}, meta={"a": None}))["id"]
        await it.bob.say(it.channel, "answer", parent_id=first)
        await it.bob.say(it.channel, "quote", reply_to_id=first)
        gone = (await it.bob.say(it.channel, "gone"))["id"]
        for who, name in ((it.alice, "fish"), (it.bob, "fish"), (it.bob, "bird")):
            await who.send("POST", f"/{it.channel}/messages/{first}/reactions/add", {"name": name})
        await it.bob.send("POST", f"/{it.channel}/messages/{first}/reactions/remove", {"name": "bird"})
        await it.alice.send("POST", f"/{it.channel}/messages/{first}/pin", {"is_pinned": True})
        await it.bob.send("DELETE", f"/{it.channel}/messages/{gone}/delete")
        await it.bob.send("POST", f"/{it.channel}/members/mute", {"is_channel_muted": True})
        paths = ("/", f"/{it.channel}/messages", f"/{it.channel}/messages/{first}/thread", f"/{it.channel}/members")
        before = [await it.bob.send("GET", path) for path in paths]
        async with worker(fleet, archive):
            await it.alice.send("POST", f"/{it.channel}/update?ack=sql", {"is_private": True})
            await it.bob.send("POST", f"/{it.channel}/members/mute?ack=sql", {"is_channel_muted": True})
        after = [await it.bob.send("GET", path) for path in paths]
        before[0][0] |= {"is_private": True, "updated_at": after[0][0]["updated_at"]}
        assert after == before
        assert before[1][1]["reactions"][0]["count"] == 2


async def test_pinned_messages_are_listed_by_pages_before_and_after_the_fold(fleet: Fleet, archive: Archive) -> None:
    async with scene(fleet) as it:
        said = [(await it.alice.say(it.channel, str(number)))["id"] for number in range(24)]
        reply = (await it.bob.say(it.channel, "reply", parent_id=said[0]))["id"]
        for message in (*said, reply):
            await it.bob.send("POST", f"/{it.channel}/messages/{message}/pin", {"is_pinned": True})
        for message in said[:2]:
            await it.alice.send("POST", f"/{it.channel}/messages/{message}/pin", {"is_pinned": False})
        await it.alice.send("DELETE", f"/{it.channel}/messages/{said[2]}/delete")
        expected = ["reply", *(str(number) for number in range(23, 2, -1))]

        async def pages() -> list[list[str]]:
            found = [await it.bob.send("GET", f"/{it.channel}/messages/pinned?page={page}") for page in (1, 2, 3)]
            return [[message["content"] for message in page] for page in found]

        assert await pages() == [expected[:20], expected[20:], []]
        async with worker(fleet, archive):
            await it.alice.send("POST", f"/{it.channel}/update?ack=sql", {"is_private": True})
        assert await pages() == [expected[:20], expected[20:], []]
        await it.alice.send("POST", f"/{it.channel}/messages/{said[23]}/pin", {"is_pinned": False})
        assert await pages() == [[expected[0], *expected[2:21]], expected[21:], []]


async def test_an_idempotency_key_posts_once_and_answers_the_same_message(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        key = {"Idempotency-Key": "k1"}
        path = f"/{it.channel}/messages/post"
        first = await it.alice.send("POST", path, {"content": "once"}, headers=key)
        assert await it.alice.send("POST", path, {"content": "once"}, headers=key) == first
        again = await asyncio.gather(
            *(it.alice.send("POST", path, {"content": "x"}, headers={"Idempotency-Key": "k2"}) for _ in range(5))
        )
        assert len({m["id"] for m in again}) == 1
        await it.alice.send("POST", path, {"content": "other"}, 422, headers=key)
        assert await it.bob.contents(it.channel) == ["x", "once"]
        made = [await it.alice.send("POST", "/create", {"name": "n"}, headers=key) for _ in range(2)]
        assert made[0]["id"] == made[1]["id"]


async def test_forty_posts_and_forty_reactions_at_once_are_all_kept(fleet: Fleet, archive: Archive) -> None:
    """And the last event of the message, wherever it came from, shows all reactions."""
    async with scene(fleet) as it, listening(it.two, "bob") as ear, worker(fleet, archive):
        both = [it.alice, it.bob]
        await asyncio.gather(*(both[n % 2].say(it.channel, f"{n}") for n in range(40)))
        await ear.hears("message", 40)
        assert sorted(await it.bob.contents(it.channel), key=int) == [str(n) for n in range(40)]
        message = (await it.alice.say(it.channel, "popular"))["id"]
        path = f"/{it.channel}/messages/{message}/reactions/add"
        await asyncio.gather(*(both[n % 2].send("POST", path, {"name": f"r{n}"}) for n in range(40)))
        stored = await it.bob.send("GET", f"/{it.channel}/messages/{message}")
        assert sorted(r["name"] for r in stored["reactions"]) == sorted(f"r{n}" for n in range(40))
        await ear.hears("message:reaction:add", 40)
        await it.alice.say(it.channel, "end")
        await eventually(lambda: ear.last("message")["data"]["data"]["content"] == "end")
        shown = [e["data"]["data"] for _, e, _ in ear.got if e.get("message_id") == message]
        names = ("id", "content", "reactions")
        assert {n: shown[-1][n] for n in names} == {n: stored[n] for n in names}


async def test_forty_replies_at_once_end_with_the_right_count(fleet: Fleet) -> None:
    async with scene(fleet) as it, listening(it.two, "bob") as ear:
        both = [it.alice, it.bob]
        parent = (await it.alice.say(it.channel, "parent"))["id"]
        await asyncio.gather(*(both[n % 2].say(it.channel, f"{n}", parent_id=parent) for n in range(40)))
        await it.alice.say(it.channel, "end")
        await eventually(lambda: ear.types() and ear.last("message")["data"]["data"]["content"] == "end")
        shown = [e["data"]["data"] for _, e, _ in ear.got if e.get("message_id") == parent]
        assert shown[-1]["reply_count"] == 40
        assert (await it.bob.send("GET", f"/{it.channel}/messages/{parent}"))["reply_count"] == 40


async def test_edits_of_two_at_once_lose_nothing_of_each_other(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        message = (await it.alice.say(it.channel, "one"))["id"]
        path = f"/{it.channel}/messages/{message}"
        await asyncio.gather(
            it.alice.send("POST", f"{path}/update", {"content": "two"}),
            it.bob.send("POST", f"{path}/pin", {"is_pinned": True}),
            it.bob.send("POST", f"{path}/reactions/add", {"name": "fish"}),
        )
        found = await it.bob.send("GET", path)
        assert (found["content"], found["is_pinned"], len(found["reactions"])) == ("two", True, 1)
        await it.bob.send("POST", f"{path}/update", {"content": "not mine"}, 403)
        await it.bob.send("DELETE", f"{path}/delete", status=403)


async def test_webhooks_post_by_their_token_alone(fleet: Fleet) -> None:
    async with scene(fleet) as it, listening(it.two, "bob") as ear, httpx.AsyncClient(trust_env=False) as stranger:
        webhook = await it.alice.send("POST", f"/{it.channel}/webhooks/create", {"name": "builds"})
        assert await it.alice.send("GET", f"/{it.channel}/webhooks") == [webhook]
        url = f"{it.two.url}{CHANNELS}/webhooks/{webhook['id']}/"
        answer = await stranger.post(url + webhook["token"], json={"content": "green"})
        heard = await ear.hears("message")
        assert answer.json() == {"success": True, "message_id": heard["message_id"]}
        assert heard["user"] == {"id": webhook["id"], "name": "builds", "role": "webhook"}
        assert heard["data"]["data"]["user"] == heard["user"]
        assert (await stranger.post(url + "guess", json={"content": "x"})).status_code == 404
        assert (await stranger.post(f"{url[:-2]}x/{webhook['token']}", json={"content": "x"})).status_code == 404
        await it.alice.send("DELETE", f"/{it.channel}/webhooks/{webhook['id']}/delete")
        assert (await stranger.post(url + webhook["token"], json={"content": "late"})).status_code == 404
        assert await it.bob.contents(it.channel) == ["green"]


async def test_ack_sql_answers_when_the_row_is_there(fleet: Fleet, archive: Archive) -> None:
    async with scene(fleet) as it, worker(fleet, archive):
        posted = await it.alice.send("POST", f"/{it.channel}/messages/post?ack=sql", {"content": "kept"})
        stored = await archive.channels.channel(it.channel)
        assert stored.position >= type(stored.position).parse(posted["position"])
        assert set(stored.members) == {(it.channel, "alice"), (it.channel, "bob")}


async def test_a_channel_that_nobody_folds_can_be_used(fleet: Fleet) -> None:
    """No worker runs: every read is the log's tail."""
    async with scene(fleet) as it:
        posted = [(await it.alice.say(it.channel, f"{n}"))["id"] for n in range(3)]
        await it.alice.send("DELETE", f"/{it.channel}/messages/{posted[1]}/delete")
        page: Any = await it.bob.client.get(f"{CHANNELS}/{it.channel}/messages")
        assert [m["id"] for m in page.json()] == [posted[2], posted[0]]
        assert page.headers["Roomlog-Position"].count("-") == 1
