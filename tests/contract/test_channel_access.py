"""Channels from the other side: strangers and removed members are refused everywhere, and get nothing more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from socketio.exceptions import TimeoutError as SocketTimeout

from app.drafts import Actor
from app.routes.table import CHANNELS
from tests.support.channels import ChannelApi, listening
from tests.support.nodes import Fleet, LocalNode, bearer, eventually

BODIES: dict[str, Any] = {
    "/update": {"name": "mine now"},
    "/members/mute": {"is_channel_muted": True},
    "/members/add": {"user_ids": ["stranger"]},
    "/members/remove": {"user_ids": ["alice"]},
    "/webhooks/create": {"name": "in"},
    "/messages/post": {"content": "hello"},
    "/messages/{message_id}/update": {"content": "changed"},
    "/pin": {"is_pinned": True},
    "/reactions/add": {"name": "fish"},
    "/reactions/remove": {"name": "fish"},
}
PATHS = sorted({(o.method, o.path) for o in CHANNELS if "{channel_id}" in o.path})


def body_of(path: str) -> Any:
    """A sound body for a route, so that only the asker can be what is wrong."""
    return next((body for end, body in sorted(BODIES.items(), key=lambda b: -len(b[0])) if path.endswith(end)), {})


@dataclass
class Scene:
    one: LocalNode
    two: LocalNode
    alice: ChannelApi
    channel: str
    message: str
    webhook: str

    async def ask(self, method: str, path: str, user_id: str, **claims: Any) -> httpx.Response:
        """Call a route as a user, on node two."""
        body = body_of(path)
        path = path.format(channel_id=self.channel, message_id=self.message, webhook_id=self.webhook)
        async with httpx.AsyncClient(base_url=self.two.url, trust_env=False, timeout=30) as client:
            return await client.request(method, path, json=body, headers=bearer(user_id, **claims))


@asynccontextmanager
async def scene(fleet: Fleet, *members: str) -> AsyncIterator[Scene]:
    async with fleet.inside() as one, fleet.inside() as two:
        alice = ChannelApi(one.url, "alice")
        try:
            channel = await alice.create(*members, name="secret plans")
            message = (await alice.say(channel, "secret words"))["id"]
            webhook = (await alice.send("POST", f"/{channel}/webhooks/create", {"name": "in"}))["id"]
            yield Scene(one, two, alice, channel, message, webhook)
        finally:
            await alice.aclose()


async def test_a_stranger_is_told_of_every_route_that_there_is_no_such_channel(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        for method, path in PATHS:
            answer = await it.ask(method, path, "stranger")
            assert answer.status_code == 404, (method, path, answer.text)
            assert "secret" not in answer.text
            assert (await it.ask(method, path, "stranger", iat=None, exp=1)).status_code == 401
        history = await it.ask("GET", "/api/v1/rooms/channel:{channel_id}/events", "stranger")
        assert history.status_code == 404
        assert (await it.ask("GET", "/api/v1/channels/", "stranger")).json() == []
        assert await it.alice.contents(it.channel) == ["secret words"]


async def test_a_removed_member_is_refused_like_a_stranger_by_both_nodes_at_once(fleet: Fleet) -> None:
    async with scene(fleet, "bob") as it:
        assert (await it.ask("GET", "/api/v1/channels/{channel_id}/messages", "bob")).status_code == 200
        await it.alice.send("POST", f"/{it.channel}/update/members/remove", {"user_ids": ["bob"]})
        for method, path in PATHS:
            answer = await it.ask(method, path, "bob")
            assert answer.status_code == 404, (method, path, answer.text)
        assert (await it.ask("GET", "/api/v1/channels/", "bob")).json() == []
        assert (await it.ask("GET", "/api/v1/rooms/channel:{channel_id}/events", "bob")).status_code == 404


async def test_a_member_who_does_not_own_the_channel_manages_nothing(fleet: Fleet) -> None:
    managing = [p for p in PATHS if p[1].endswith(("_id}/update", "_id}/delete", "/add", "/create", "/webhooks"))]
    managing = [p for p in managing if "reactions" not in p[1]]
    async with scene(fleet, "bob") as it:
        for method, path in managing:
            answer = await it.ask(method, path, "bob")
            assert answer.status_code == 403, (method, path, answer.text)
        kick = await it.ask("POST", "/api/v1/channels/{channel_id}/update/members/remove", "bob")
        assert kick.status_code == 403
        assert await it.alice.contents(it.channel) == ["secret words"]


async def test_an_admin_manages_a_channel_without_being_in_it(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        answer = await it.ask("POST", "/api/v1/channels/{channel_id}/update", "root", role="admin")
        assert (answer.status_code, answer.json()["name"]) == (200, "mine now")
        answer = await it.ask(
            "DELETE", "/api/v1/channels/{channel_id}/messages/{message_id}/delete", "root", role="admin"
        )
        assert answer.status_code == 200
        async with listening(it.two, "root", role="admin") as root:
            await it.alice.say(it.channel, "hello")
            assert root.got == []


@pytest.mark.parametrize("kind", ["dm", "group"])
async def test_an_admin_does_not_see_what_is_personal(fleet: Fleet, kind: str) -> None:
    async with scene(fleet) as it:
        made = await it.alice.send("POST", "/create", {"name": "us", "type": kind, "user_ids": ["bob"]})
        message = await it.alice.say(made["id"], "secret words")
        own = replace(it, channel=made["id"], message=message["id"])
        for method, path in PATHS:
            answer = await own.ask(method, path, "root", role="admin")
            assert answer.status_code == 404, (method, path, answer.text)
            assert "secret" not in answer.text
        async with httpx.AsyncClient(base_url=it.two.url, trust_env=False) as client:
            for end in ("events", "events/stream"):
                path = f"/api/v1/rooms/channel:{made['id']}/{end}"
                answer = await client.get(path, headers=bearer("root", role="admin"))
                assert answer.status_code == 404
            listed = await client.get(
                f"/api/v1/rooms/channel:{it.channel}/events", headers=bearer("root", role="admin")
            )
            assert listed.status_code == 200
        assert await it.alice.contents(made["id"]) == ["secret words"]


async def test_who_is_in_more_channels_than_a_session_may_be_in_is_told_and_joins_what_fits(fleet: Fleet) -> None:
    async with fleet.inside(session_rooms=3) as one:
        alice = ChannelApi(one.url, "alice")
        for number in range(4):
            await alice.create(name=f"channel {number}")
        async with listening(one, "alice") as ear:
            errors: list[Any] = []
            ear.client.on("error", errors.append)
            assert await ear.client.call("user-join", {}) == {"id": "alice", "name": "Alice"}
            assert len(one.node.sessions.by_sid[ear.client.get_sid()].feed.rooms) == 3
            await eventually(lambda: errors)
            assert errors[-1] == {"message": "a session may be in 3 rooms"}
        await alice.aclose()


async def test_events_of_a_stranger_are_refused_and_reach_nobody(fleet: Fleet) -> None:
    async with scene(fleet) as it, listening(it.one, "alice") as alice, listening(it.two, "stranger") as stranger:
        errors: list[Any] = []
        stranger.client.on("error", errors.append)
        for data in ({"type": "typing", "data": {"typing": True}}, {"type": "last_read_at"}):
            assert await stranger.client.call("events:channel", {"channel_id": it.channel, "data": data}) is False
        assert await stranger.client.call("events:channel", {"channel_id": it.channel, "data": {"type": "x"}}) is False
        await stranger.client.call("join-channels", {})
        await it.alice.say(it.channel, "hello")
        await alice.hears("message")
        assert "typing" not in alice.types()
        assert stranger.got == []
        assert len(errors) == 3
        assert "secret" not in str(errors)


async def test_added_users_have_all_their_sessions_in_the_room_before_the_call_returns(fleet: Fleet) -> None:
    async with (
        scene(fleet) as it,
        listening(it.one, "bob") as here,
        listening(it.two, "bob") as there,
    ):
        await it.alice.send("POST", f"/{it.channel}/update/members/add", {"user_ids": ["bob"]})
        rooms = [s.feed.rooms for n in (it.one, it.two) for s in n.node.sessions.by_user["bob"]]
        assert len(rooms) == 2
        assert all(f"channel:{it.channel}" in joined for joined in rooms)
        await it.alice.say(it.channel, "hello")
        for ear in (here, there):
            await ear.hears("message")
            assert ear.types() == ["channel:created", "message"]


async def _removed(it: Scene) -> None:
    await it.alice.send("POST", f"/{it.channel}/update/members/remove", {"user_ids": ["bob"]})


async def test_a_removed_member_gets_nothing_more_live(fleet: Fleet) -> None:
    async with scene(fleet, "bob") as it, listening(it.one, "bob") as here, listening(it.two, "bob") as there:
        await it.alice.say(it.channel, "seen")
        for ear in (here, there):
            await ear.hears("message")
        await _removed(it)
        await it.alice.say(it.channel, "unseen")
        marker = await it.alice.create("bob", name="marker")
        for ear in (here, there):
            await eventually(lambda ear=ear: "channel:created" in ear.types(marker))
            assert ear.types(it.channel) == ["message"]


async def test_a_removed_member_gets_nothing_replayed(fleet: Fleet) -> None:
    async with scene(fleet, "bob") as it, listening(it.two, "bob") as ear:
        await it.alice.say(it.channel, "seen")
        await ear.hears("message")
        await ear.cut()
        await it.alice.say(it.channel, "missed while a member, and not to be had any more")
        await _removed(it)
        await it.alice.say(it.channel, "unseen")
        await ear.open(it.one)
        marker = await it.alice.create("bob", name="marker")
        await eventually(lambda: "channel:created" in ear.types(marker))
        assert ear.types(it.channel) == ["message"]


async def test_a_member_who_is_removed_while_its_session_comes_in_is_out(fleet: Fleet) -> None:
    """The order to leave is obeyed between the check of a join and the join: the join looks again."""
    async with scene(fleet, "bob") as it, listening(it.two, "bob") as ear:
        node = it.two.node
        (session,) = node.sessions.by_user["bob"]
        await node.session_rooms.leave(session, f"channel:{it.channel}")
        real, checks = node.access.may_read, 0

        async def slow(identity: Any, room: str) -> bool:
            nonlocal checks
            checks += 1
            allowed = await real(identity, room)
            if checks == 1:
                await _removed(it)
            return allowed

        node.access.may_read = slow  # type: ignore[method-assign]
        await ear.client.call("join-channels", {})
        assert checks == 2
        await it.alice.say(it.channel, "unseen")
        assert f"channel:{it.channel}" not in session.feed.rooms
        assert ear.types(it.channel) == []


async def test_a_member_who_is_removed_while_its_session_comes_back_is_out(fleet: Fleet) -> None:
    """The same for a resume: nothing is replayed of the channel, or delivered later."""
    async with scene(fleet, "bob") as it, listening(it.two, "bob") as ear:
        await it.alice.say(it.channel, "seen")
        await ear.hears("message")
        await ear.cut()
        await it.alice.say(it.channel, "missed, and not to be had any more")
        real, room = it.one.node.access.may_read, f"channel:{it.channel}"

        async def slow(identity: Any, asked: str) -> bool:
            allowed = await real(identity, asked)
            if asked == room and allowed:
                await _removed(it)
            return allowed

        it.one.node.access.may_read = slow  # type: ignore[method-assign,assignment]
        await ear.open(it.one)
        assert ear.client.recovered
        await it.alice.say(it.channel, "unseen")
        (session,) = it.one.node.sessions.by_user["bob"]
        assert room not in session.feed.rooms
        marker = await it.alice.create("bob", name="marker")
        await eventually(lambda: "channel:created" in ear.types(marker))
        assert ear.types(it.channel) == ["message"]


async def test_a_removed_member_who_follows_over_http_is_cut_off(fleet: Fleet) -> None:
    async with scene(fleet, "bob") as it, httpx.AsyncClient(base_url=it.two.url, trust_env=False) as client:
        path = f"/api/v1/rooms/channel:{it.channel}/events/stream"
        async with client.stream("GET", path, headers=bearer("bob"), timeout=20) as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == ": following"
            await _removed(it)
            await it.alice.say(it.channel, "unseen")
            assert [line async for line in lines if line] == []


async def test_a_deleted_channel_is_gone_for_its_members(fleet: Fleet) -> None:
    async with scene(fleet, "bob") as it, listening(it.two, "bob") as ear:
        assert await it.alice.send("DELETE", f"/{it.channel}/delete") is True
        for method, path in PATHS:
            assert (await it.ask(method, path, "bob")).status_code == 404
        (session,) = it.two.node.sessions.by_user["bob"]
        assert f"channel:{it.channel}" not in session.feed.rooms
        assert ear.types(it.channel) == []


async def test_who_is_added_while_a_channel_is_being_deleted_is_not_left_in_its_room(fleet: Fleet) -> None:
    async with scene(fleet) as it, listening(it.two, "bob"):
        before = await it.one.node.channels.get(it.channel)
        assert before is not None
        await it.alice.send("POST", f"/{it.channel}/update/members/add", {"user_ids": ["bob"]})
        (session,) = it.two.node.sessions.by_user["bob"]
        assert f"channel:{it.channel}" in session.feed.rooms
        await it.one.node.memberships.delete(before, Actor("alice", "Alice", "user"))
        assert f"channel:{it.channel}" not in session.feed.rooms


def test_every_route_of_a_channel_is_tried() -> None:
    assert len(PATHS) == len([o for o in CHANNELS if "{channel_id}" in o.path]) > 15


@pytest.mark.parametrize("payload", [None, {}, {"channel_id": 5}, {"channel_id": "x", "data": {"type": "typing"}}, []])
async def test_malformed_channel_events_are_answered_false(fleet: Fleet, payload: Any) -> None:
    async with scene(fleet) as it, listening(it.two, "alice") as alice:
        try:
            assert await alice.client.call("events:channel", payload, timeout=10) is False
        except SocketTimeout:
            pytest.fail("no answer")
        assert alice.client.connected
