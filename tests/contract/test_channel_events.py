"""`events:channel`, every type: the client on the other node than the producer, with a cut in the middle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.channels import ChannelApi, Ear, listening
from tests.support.nodes import Fleet, LocalNode, eventually


@dataclass
class Scene:
    """Alice works on node one; Bob listens on node two. Both are in the channel."""

    one: LocalNode
    two: LocalNode
    alice: ChannelApi
    bob: ChannelApi
    ear: Ear
    channel: str

    @asynccontextmanager
    async def cut(self) -> AsyncIterator[None]:
        """Bob is away while the block runs, and comes back to the other node."""
        await self.ear.cut()
        yield
        await self.ear.open(self.one)
        assert self.ear.client.recovered


@asynccontextmanager
async def scene(fleet: Fleet) -> AsyncIterator[Scene]:
    async with fleet.inside() as one, fleet.inside() as two:
        alice, bob = ChannelApi(one.url, "alice"), ChannelApi(two.url, "bob")
        try:
            channel = await alice.create("bob")
            async with listening(two, "bob") as ear:
                yield Scene(one, two, alice, bob, ear, channel)
        finally:
            await alice.aclose()
            await bob.aclose()


async def test_message_is_delivered_with_its_temp_id_and_after_a_cut(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        posted = await it.alice.say(it.channel, "one", temp_id="t1", data={"files": []})
        heard = await it.ear.hears("message")
        assert heard["message_id"] == heard["data"]["data"]["id"] == posted["id"]
        assert heard["data"]["data"]["temp_id"] == "t1"
        assert heard["user"] == {"id": "alice", "name": "Alice", "role": "user"}
        assert (heard["channel_id"], heard["channel"]["name"]) == (it.channel, "fish")
        assert heard["data"]["data"] == {k: v for k, v in posted.items() if k != "position"} | {"temp_id": "t1"}
        async with it.cut():
            await it.alice.say(it.channel, "two")
        await it.alice.say(it.channel, "three")
        await it.ear.hears("message", 3)
        assert [e["data"]["data"]["content"] for _, e, _ in it.ear.got] == ["one", "two", "three"]
        assert [at for _, _, at in it.ear.got] == sorted({at for _, _, at in it.ear.got})


async def test_message_update_by_edit_and_pin(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        message = (await it.alice.say(it.channel, "one"))["id"]
        await it.alice.send("POST", f"/{it.channel}/messages/{message}/update", {"content": "two"})
        assert (await it.ear.hears("message:update"))["data"]["data"]["content"] == "two"
        async with it.cut():
            await it.alice.send("POST", f"/{it.channel}/messages/{message}/pin", {"is_pinned": True})
        pinned = (await it.ear.hears("message:update", 2))["data"]["data"]
        assert (pinned["content"], pinned["is_pinned"], pinned["pinned_by"]) == ("two", True, "alice")
        assert await it.bob.send("GET", f"/{it.channel}/messages/{message}") == pinned


async def test_message_delete(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        message = (await it.alice.say(it.channel, "one"))["id"]
        async with it.cut():
            assert await it.alice.send("DELETE", f"/{it.channel}/messages/{message}/delete") is True
        assert (await it.ear.hears("message:delete"))["message_id"] == message
        assert await it.bob.contents(it.channel) == []
        await it.bob.send("GET", f"/{it.channel}/messages/{message}", status=404)
        await it.alice.send("POST", f"/{it.channel}/messages/{message}/update", {"content": "back"}, status=404)


async def test_message_reply_shows_the_parent_with_its_count(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        parent = (await it.alice.say(it.channel, "parent"))["id"]
        async with it.cut():
            child = await it.alice.say(it.channel, "child", parent_id=parent)
        reply = await it.ear.hears("message:reply")
        assert (reply["message_id"], reply["data"]["data"]["reply_count"]) == (parent, 1)
        assert reply["data"]["data"]["latest_reply_at"] == child["created_at"]
        thread = await it.bob.send("GET", f"/{it.channel}/messages/{parent}/thread")
        assert [m["content"] for m in thread] == ["child", "parent"]
        assert await it.bob.contents(it.channel) == ["parent"]
        await it.alice.send("DELETE", f"/{it.channel}/messages/{child['id']}/delete")
        assert (await it.ear.hears("message:reply", 2))["data"]["data"]["reply_count"] == 0


async def test_a_message_quotes_another_by_reply_to_id(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        first = (await it.alice.say(it.channel, "first"))["id"]
        await it.bob.say(it.channel, "second", reply_to_id=first)
        heard = await it.ear.hears("message", 2)
        assert heard["data"]["data"]["reply_to_message"]["content"] == "first"


async def test_message_reaction_add_and_remove(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        message = (await it.alice.say(it.channel, "one"))["id"]
        path = f"/{it.channel}/messages/{message}/reactions"
        assert await it.alice.send("POST", f"{path}/add", {"name": "fish"}) is True
        heard = await it.ear.hears("message:reaction:add")
        assert heard["data"]["data"]["name"] == "fish"
        assert heard["data"]["data"]["reactions"] == [
            {"name": "fish", "users": [{"id": "alice", "name": "Alice"}], "count": 1}
        ]
        async with it.cut():
            await it.alice.send("POST", f"{path}/remove", {"name": "fish"})
        assert (await it.ear.hears("message:reaction:remove"))["data"]["data"]["reactions"] == []


async def test_typing_goes_to_the_others_without_a_position_and_is_not_replayed(fleet: Fleet) -> None:
    async with scene(fleet) as it, listening(it.one, "alice") as alice:
        ask = {"channel_id": it.channel, "message_id": None, "data": {"type": "typing", "data": {"typing": True}}}
        await alice.client.emit("events:channel", ask)
        heard = await it.ear.hears("typing")
        assert heard["data"]["data"] == {"typing": True}
        assert heard["user"]["id"] == "alice"
        assert it.ear.got[-1][2] == ""
        async with it.cut():
            await alice.client.call("events:channel", ask)
        await it.alice.say(it.channel, "done")
        await it.ear.hears("message")
        assert it.ear.types().count("typing") == 1
        assert "typing" not in alice.types()


async def test_channel_created_reaches_members_who_were_away_and_their_sessions_are_in(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        other = await it.alice.create("bob", name="other")
        assert (await it.ear.hears("channel:created"))["channel_id"] == other
        await it.alice.say(other, "hello")
        assert (await it.ear.hears("message"))["channel_id"] == other
        async with it.cut():
            third = await it.alice.create("bob", name="third")
        assert (await it.ear.hears("channel:created", 2))["channel_id"] == third
        await it.alice.say(third, "hello")
        await eventually(lambda: "message" in it.ear.types(third))


async def test_channel_mute_tells_the_users_own_sessions(fleet: Fleet) -> None:
    async with scene(fleet) as it, listening(it.one, "alice") as alice:
        async with it.cut():
            await it.bob.send("POST", f"/{it.channel}/members/mute", {"is_channel_muted": True})
        assert (await it.ear.hears("channel:mute"))["data"]["data"] == {"is_channel_muted": True}
        (line,) = await it.bob.send("GET", "/")
        assert line["is_channel_muted"] is True
        assert "channel:mute" not in alice.types()


async def test_last_read_at_counts_what_is_unread(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        for content in ("one", "two"):
            await it.alice.say(it.channel, content)
        (line,) = await it.bob.send("GET", "/")
        assert line["unread_count"] == 2
        assert (await it.alice.send("GET", "/"))[0]["unread_count"] == 0
        await it.ear.client.call("events:channel", {"channel_id": it.channel, "data": {"type": "last_read_at"}})
        (line,) = await it.bob.send("GET", "/")
        assert (line["unread_count"], line["last_message_at"] < line["last_read_at"]) == (0, True)
        await it.alice.say(it.channel, "three")
        assert (await it.bob.send("GET", "/"))[0]["unread_count"] == 1
        assert "last_read_at" not in it.ear.types()


async def test_join_channels_joins_what_the_session_is_not_in_yet(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        session = next(s for s in it.two.node.sessions.by_sid.values() if s.user_id == "bob")
        await it.two.node.session_rooms.leave(session, f"channel:{it.channel}")
        await it.ear.client.call("join-channels", {"auth": {}})
        await it.alice.say(it.channel, "hello")
        await it.ear.hears("message")
