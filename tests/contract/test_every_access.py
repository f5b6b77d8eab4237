"""Every route and every event from the other side: as a stranger, as one whose access was taken away, as a reader.

The routes are those of the table, and the events those that the server knows: a new one without a rule here fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.routes.table import OPERATIONS, OVERSIGHT, Operation
from tests.contract.clients import Listener, listening
from tests.contract.test_chats import folded, share
from tests.contract.test_notes import share as share_note
from tests.support.channels import ChannelApi
from tests.support.completions import ask, asking, so_far
from tests.support.nodes import Fleet, LocalNode, bearer, eventually
from tests.support.provider_faults import stalls

SECRET = "secret"
OWN = "own"
"""A route about what the asker has: it answers, and names nothing of anybody else."""

_CHAT, _NOTE, _CHANNEL = "/api/v1/chats/{chat_id}", "/api/v1/notes/{note_id}", "/api/v1/channels/{channel_id}"
_MESSAGE = _CHANNEL + "/messages/{message_id}"
_USER, _ROOM = "/api/v1/users/{user_id}", "/api/v1/rooms/{room}/events"


def name_of(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


RULES: dict[str, tuple[Any, Any]] = {
    # route: what a stranger gets, what a reader (of the chat and the note; a member of the channel) gets
    "POST /api/v1/chats/new": (OWN, OWN),
    "GET /api/v1/chats/": (OWN, OWN),
    "GET /api/v1/chats/all/tags": (OWN, OWN),
    "GET /api/v1/chats/shared-with-me": (OWN, 200),
    f"GET {_CHAT}": (404, 200),
    f"GET {_CHAT}/tags": (404, 200),
    f"POST {_CHAT}": (404, 404),
    f"DELETE {_CHAT}": (404, 404),
    f"GET {_CHAT}/access": (404, 404),
    f"POST {_CHAT}/access": (404, 404),
    f"POST {_CHAT}/messages/{{message_id}}/event": (404, 404),
    f"POST {_CHAT}/messages/{{message_id}}": (404, 404),
    "GET /api/v1/notes/": (OWN, 200),
    "GET /api/v1/notes/search": (OWN, 200),
    "POST /api/v1/notes/create": (OWN, OWN),
    f"GET {_NOTE}": (404, 200),
    f"POST {_NOTE}/update": (404, 404),
    f"POST {_NOTE}/access": (404, 404),
    f"DELETE {_NOTE}/delete": (404, 404),
    f"GET {_ROOM}": (404, 200),
    f"GET {_ROOM}/stream": (404, None),  # it would go on for ever; it asks as the one above does
    f"POST {_ROOM}": (403, 403),
    "GET /api/v1/auths/": (OWN, OWN),
    "GET /api/v1/auths/signout": (OWN, OWN),
    "POST /api/v1/auths/signout": (OWN, OWN),
    "GET /api/v1/users/": (403, 403),
    f"POST {_USER}/update": (403, 403),
    "POST /api/v1/users/update/role": (403, 403),
    f"POST {_USER}/revoke": (403, 403),
    "GET /api/usage": (OWN, OWN),
    "POST /api/chat/completions": (404, 404),
    "POST /api/chat/completed": (OWN, OWN),
    "GET /api/tasks": (OWN, OWN),
    "GET /api/tasks/chat/{chat_id}": (404, OWN),
    "POST /api/tasks/stop/{task_id}": (OWN, OWN),  # as for a task that is over
    "POST /api/tasks/chat/{chat_id}/stop": (404, 404),
    "GET /api/v1/channels/": (OWN, 200),
    "POST /api/v1/channels/create": (OWN, OWN),
    "GET /api/v1/channels/users/{user_id}": (OWN, OWN),
    f"GET {_CHANNEL}": (404, 200),
    f"POST {_CHANNEL}/update": (404, 403),
    f"DELETE {_CHANNEL}/delete": (404, 403),
    f"GET {_CHANNEL}/members": (404, 200),
    f"POST {_CHANNEL}/members/mute": (404, 200),
    f"POST {_CHANNEL}/update/members/add": (404, 403),
    f"POST {_CHANNEL}/update/members/remove": (404, 403),
    f"GET {_CHANNEL}/webhooks": (404, 403),
    f"POST {_CHANNEL}/webhooks/create": (404, 403),
    f"DELETE {_CHANNEL}/webhooks/{{webhook_id}}/delete": (404, 403),
    f"GET {_CHANNEL}/messages": (404, 200),
    f"POST {_CHANNEL}/messages/post": (404, 200),
    f"GET {_CHANNEL}/messages/pinned": (404, 200),
    f"GET {_MESSAGE}": (404, 200),
    f"GET {_MESSAGE}/thread": (404, 200),
    f"POST {_MESSAGE}/update": (404, 403),
    f"POST {_MESSAGE}/pin": (404, 200),
    f"DELETE {_MESSAGE}/delete": (404, 403),
    f"POST {_MESSAGE}/reactions/add": (404, 200),
    f"POST {_MESSAGE}/reactions/remove": (404, 200),
    **{name_of(operation): (403, 403) for operation in OVERSIGHT},
}

STOLEN = "stolen"
BODIES: dict[str, Any] = {
    "AccessGrants": {"grants": [{"user_id": "eve", "permission": "write"}]},
    "ChannelUpdate": {"name": STOLEN},
    "ChatUpdate": {"chat": {"title": STOLEN}},
    "Completed": {"messages": []},
    "CompletionRequest": {"model": "m", "messages": [{"role": "user", "content": STOLEN}], "stream": True},
    "MemberIds": {"user_ids": ["eve"]},
    "MessageContent": {"content": STOLEN},
    "MessageEvent": {"type": "message", "data": {"content": STOLEN}},
    "MessageUpdate": {"content": STOLEN},
    "Mute": {"is_channel_muted": True},
    "NewChannel": {"name": "own"},
    "NewChat": {},
    "NewMessage": {"content": "hello"},
    "NewNote": {"title": "own"},
    "NewWebhook": {"name": STOLEN},
    "NoteUpdate": {"title": STOLEN},
    "Pin": {"is_pinned": True},
    "ReactionBody": {"name": "fish"},
    "RoleUpdate": {"id": "alice", "role": "admin"},
    "RoomEvent": {"event": STOLEN, "data": {}},
    "UserUpdate": {"role": "admin"},
}
"""A sound body of every model: only the asker can be what is wrong."""


def closed() -> list[Operation]:
    """The routes that need a token."""
    return [operation for operation in OPERATIONS if not operation.open]


def test_every_route_has_a_rule_and_every_body_an_example() -> None:
    assert {name_of(operation) for operation in closed()} == set(RULES)
    assert {o.body.__name__ for o in closed() if o.body is not None} == set(BODIES)


@dataclass
class Scene:
    """alice's things, on node one; a reader of all of them (rita), and rex, from whom all of it was taken away."""

    one: LocalNode
    two: LocalNode
    alice: ChannelApi
    page: Listener
    names: dict[str, str]

    @property
    def rooms(self) -> list[str]:
        kinds = ("chat", "channel", "note", "doc_note")
        return [f"{kind}:{self.names[kind.removeprefix('doc_') + '_id']}" for kind in kinds]

    async def ask(self, operation: Operation, asker: str, **names: str) -> httpx.Response:
        body = None if operation.body is None else dict(BODIES[operation.body.__name__])
        if body is not None and "chat_id" in (operation.body.model_fields if operation.body else ()):
            body |= {"chat_id": self.names["chat_id"], "id": "m9"}
        path = operation.path.format(**self.names | names)
        async with httpx.AsyncClient(base_url=self.two.url, trust_env=False, timeout=30) as client:
            return await client.request(operation.method, path, json=body, headers=bearer(asker))

    async def state(self) -> Any:
        """All of alice's things, as she reads them."""
        names = self.names
        paths = [
            f"/api/v1/chats/{names['chat_id']}",
            f"/api/v1/chats/{names['chat_id']}/access",
            f"/api/v1/notes/{names['note_id']}",
            f"/api/v1/channels/{names['channel_id']}",
            f"/api/v1/channels/{names['channel_id']}/members",
            f"/api/v1/channels/{names['channel_id']}/messages",
            f"/api/v1/channels/{names['channel_id']}/webhooks",
            "/api/v1/auths/",
            "/api/tasks",
        ]
        answers = [(await self.alice.client.get(path)).json() for path in paths]
        return [a | {"position": ""} if isinstance(a, dict) else a for a in answers]

    async def heard(self) -> list[Any]:
        """What alice's page was told up to now: up to a marker, which is left out."""
        markers = len(self.page.of("marker"))
        await self.two.node.producer.emit_to_users("marker", {}, ["alice"])
        await eventually(lambda: len(self.page.of("marker")) > markers)
        return [(event, arguments) for event, arguments in self.page.got if event != "marker"]


@asynccontextmanager
async def scene(fleet: Fleet) -> AsyncIterator[Scene]:
    async with asking(fleet) as (one, api, provider), fleet.inside() as two, listening(one.url) as page:
        provider.script = stalls
        alice = ChannelApi(one.url, "alice")
        chat = await api.new_chat(f"{SECRET} chat")
        task = await ask(api, chat)
        await so_far(api, chat, "begun")
        note = (await api.client.post("/api/v1/notes/create", json={"title": f"{SECRET} note"})).json()["id"]
        channel = await alice.create("rita", "rex", name=f"{SECRET} plans")
        names = {"chat_id": chat, "note_id": note, "channel_id": channel, "task_id": task, "user_id": "alice"}
        names["message_id"] = (await alice.say(channel, f"{SECRET} words"))["id"]
        names["webhook_id"] = (await alice.send("POST", f"/{channel}/webhooks/create", {"name": "in"}))["id"]
        await share(api, chat, rita="read", rex="write")
        await share_note(api, note, rita="read", rex="write")
        await share(api, chat, rita="read")
        await share_note(api, note, rita="read")
        await alice.send("POST", f"/{channel}/update/members/remove", {"user_ids": ["rex"]})
        names |= {"room": f"chat:{chat}", "letter_id": "1-1", "sid": page.get_sid()}
        await page.call("user-join", {})
        await page.call("events:chat", {"chat_id": chat, "data": {"type": "join"}})
        await page.call("join-note", {"note_id": note})
        await page.call("ydoc:document:join", {"document_id": f"note:{note}", "v": 2})
        try:
            yield Scene(one, two, alice, page, names)
        finally:
            await alice.aclose()


async def check(it: Scene, operation: Operation, asker: str, rule: Any, **names: str) -> None:
    if rule is None:
        return
    answer = await it.ask(operation, asker, **names)
    assert answer.status_code == (200 if rule == OWN else rule), (name_of(operation), names, answer.text)
    if rule != 200:
        assert SECRET not in answer.text, name_of(operation)
    if rule == OWN:
        things = [it.names[name] for name in ("chat_id", "note_id", "channel_id")]
        assert not any(thing in answer.text for thing in things), (name_of(operation), answer.text)


@pytest.mark.parametrize("user_id", ["eve", "rex"])
async def test_a_stranger_and_who_lost_access_get_and_change_nothing_by_any_route(fleet: Fleet, user_id: str) -> None:
    async with scene(fleet) as it:
        before, heard = await it.state(), await it.heard()
        for operation in closed():
            if operation.path == "/api/v1/channels/users/{user_id}":
                await check(it, operation, user_id, OWN, user_id="nobody")  # a talk with alice would be told to her
                continue
            await check(it, operation, user_id, RULES[name_of(operation)][0])
            if "{room}" in operation.path:
                for room in [*it.rooms, "user:alice", "system:control"]:
                    await check(it, operation, user_id, RULES[name_of(operation)][0], room=room)
        assert await it.state() == before
        assert await it.heard() == heard


async def test_a_reader_reads_and_changes_nothing_that_wants_more_by_any_route(fleet: Fleet) -> None:
    async with scene(fleet) as it:
        before = (await it.state())[:3]
        for operation in closed():
            names = {"user_id": "nobody"} if operation.path == "/api/v1/channels/users/{user_id}" else {}
            await check(it, operation, "rita", RULES[name_of(operation)][1], **names)
            if operation.method == "GET" and "{room}" in operation.path:
                for room in ("user:alice", "system:control"):
                    await check(it, operation, "rita", 403 if operation in OVERSIGHT else 404, room=room)
        assert (await it.state())[:3] == before
        assert STOLEN not in str(await it.state())


async def test_no_route_takes_another_users_session(fleet: Fleet) -> None:
    taking = [o for o in closed() if o.body is not None and "session_id" in o.body.model_fields]
    assert [name_of(operation) for operation in taking] == ["POST /api/chat/completions"]
    async with scene(fleet) as it, httpx.AsyncClient(base_url=it.two.url, trust_env=False) as client:
        chat = (await client.post("/api/v1/chats/new", json={}, headers=bearer("eve"))).json()["id"]
        heard = await it.heard()
        for target in ({"chat_id": chat, "id": "m1"}, {}):
            body = BODIES["CompletionRequest"] | target | {"session_id": it.page.get_sid()}
            direct = body | {"model_item": {"id": "m", "direct": True}}
            for sent in (body, direct):
                answer = await client.post("/api/chat/completions", json=sent, headers=bearer("eve"))
                assert (answer.status_code, answer.json()["code"]) == (403, "not_your_session")
        assert await it.heard() == heard


def events_for(it: Scene) -> dict[str, list[Any]]:
    """Every event of the server, with what somebody would say to get at alice's things."""
    chat, channel, note = it.names["chat_id"], it.names["channel_id"], it.names["note_id"]
    typing = {"type": "typing", "data": {"typing": True}}
    document = {"document_id": f"note:{note}", "user_id": "alice"}
    return {
        "user-join": [{"auth": {"token": bearer("alice")["Authorization"].removeprefix("Bearer ")}}],
        "join-channels": [{}, {"auth": {"token": "bad"}}],
        "join-note": [{"note_id": note, "auth": {}}],
        "heartbeat": [{}],
        "usage": [{"model": "m", "chat_id": chat}],
        "events:chat": [
            {"chat_id": chat, "data": {"type": "join"}},
            {"chat_id": chat, "data": typing},
            {"chat_id": chat, "data": {"type": "last_read_at"}},
            {"chat_id": chat, "data": {"type": "leave"}},
        ],
        "events:channel": [
            {"channel_id": channel, "data": typing},
            {"channel_id": channel, "data": {"type": "last_read_at"}},
        ],
        "ydoc:document:join": [document, document | {"v": 2}, document | {"document_id": f"note_{note}"}],
        "ydoc:document:state": [document],
        "ydoc:document:update": [
            document | {"update": [0, 0]},
            document | {"data": {"content": {"md": STOLEN}}},
            document | {"update": [0, 0], "initialize": True},
        ],
        "ydoc:awareness:update": [document | {"update": [123, 125]}],
        "ydoc:document:leave": [document],
        "*": [],
    }


@pytest.mark.parametrize("user_id", ["eve", "rex"])
async def test_a_stranger_and_who_lost_access_get_and_change_nothing_by_any_event(fleet: Fleet, user_id: str) -> None:
    async with scene(fleet) as it, listening(it.two.url, user_id) as other:
        said = events_for(it)
        assert set(it.two.node.server.handlers["/"]) - {"connect", "disconnect"} == set(said)
        before, heard = await it.state(), await it.heard()
        direct = f"alice:{it.page.get_sid()}:request"
        said[direct] = [{"done": True}, "data: stolen"]
        for event, payloads in said.items():
            for payload in payloads:
                answer = await other.call(event, payload, timeout=20)
                assert SECRET not in str(answer)
                assert STOLEN not in str(answer)
        (session,) = it.two.node.sessions.by_user[user_id]
        assert set(session.feed.rooms) == {f"user:{user_id}"}
        assert await it.state() == before
        assert await it.heard() == heard
        assert SECRET not in str(other.got)
        assert {event for event, _ in other.got} <= {"error", "events", "ydoc:error"}
        await other.drop()
        await folded(fleet, it.one, "user:alice")
        await other.open(it.one.url, bearer(user_id)["Authorization"].removeprefix("Bearer "))
        assert SECRET not in str(other.got)
