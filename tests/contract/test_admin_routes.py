"""What admins do and see, on two nodes. Every answer is held against the schema that the document promises."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
import pytest

from app.routes.table import OVERSIGHT
from streams.append import NewEntry
from streams.deadletters import DeadLetters
from streams.document_change import DocumentChange
from streams.documents import DocumentLog, Opening
from streams.entry import Entry, Position
from tests.contract.clients import listening
from tests.contract.test_chats import two
from tests.support.admins import Admin, overseeing
from tests.support.channels import ChannelApi
from tests.support.completions import ask, asking, message_of, so_far
from tests.support.nodes import Api, Fleet, LocalNode, bearer, eventually, token
from tests.support.provider_faults import stalls


async def actions(admin: Admin) -> list[tuple[str, str, str, str]]:
    """What the audit has, the oldest first."""
    told = reversed((await admin.get("audit"))["actions"])
    return [(action["user_id"], action["action"], action["target"], action["outcome"]) for action in told]


async def parked(node: LocalNode, room: str, data: bytes) -> str:
    """A dead letter of an entry that the room has; its id."""
    letters = DeadLetters(node.node.link, node.node.link.client(connections=1))
    entry = Entry(Position(1, len(data)), room, "events", data, Position.ZERO)
    return await letters.park(entry, "it cannot be folded")


async def test_dead_letters_are_read_retried_and_dropped_and_it_is_noted_who_did(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "roomlog.audit")
    async with two(fleet) as (one, other), overseeing(other.url) as admin:
        first, second = await parked(one, "user:alice", b'{"n":1}'), await parked(one, "user:alice", b"\xff{")
        page = await admin.get("deadletters", limit=1)
        assert ([letter["id"] for letter in page["letters"]], page["next"], page["count"]) == ([first], first, 2)
        rest = await admin.get("deadletters", after=first)
        assert ([letter["id"] for letter in rest["letters"]], rest["next"]) == ([second], None)
        assert (rest["letters"][0]["error"], rest["letters"][0]["bytes"]) == ("it cannot be folded", 2)
        assert (await admin.get(f"deadletters/{first}"))["data"] == {"n": 1}
        assert (await admin.get(f"deadletters/{second}"))["data"] == "\N{REPLACEMENT CHARACTER}{"
        position = (await admin.post(f"deadletters/{first}/retry"))["position"]
        (event,) = (await admin.get("rooms/user:alice/events"))["events"]
        assert (event["position"], event["data"], event["quiet"]) == (position, {"n": 1}, True)
        assert await admin.post(f"deadletters/{second}/drop") == {}
        assert (await admin.get("deadletters")) == {"letters": [], "next": None, "count": 0}
        for path in (f"deadletters/{first}/retry", f"deadletters/{first}/drop", "deadletters/none/drop"):
            assert (await admin.client.post(f"/api/v1/admin/{path}")).status_code == 404
        assert (await admin.client.get(f"/api/v1/admin/deadletters/{first}")).status_code == 404
        assert await actions(admin) == [
            ("root", "deadletter.retry", first, "done"),
            ("root", "deadletter.drop", second, "done"),
            ("root", "deadletter.retry", first, "not_found"),
            ("root", "deadletter.drop", first, "not_found"),
            ("root", "deadletter.drop", "none", "not_found"),
        ]
    lines = [record.getMessage() for record in caplog.records if record.name == "roomlog.audit"]
    assert len(lines) == 5
    assert lines[0] == f"deadletter.retry by root on {first}: done"


async def test_sessions_are_seen_from_the_other_node_disconnected_and_resumed(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), overseeing(one.url) as admin, listening(other.url) as page:
        async with listening(one.url) as near:
            seen = (await admin.get("users/alice/sessions"))["sessions"]
            by_sid = {session["sid"]: session for session in seen}
            far = by_sid[page.get_sid()]
            assert (far["node"], far["connected"], far["rooms"]) == (other.node.name, True, None)
            assert by_sid[near.get_sid()]["rooms"] == ["user:alice"]
            assert far["until_ms"] > far["since_ms"] > 0
        sid = page.get_sid()
        assert await admin.post(f"sessions/{sid}/disconnect") == {}
        await eventually(lambda: not page.connected)

        async def away() -> bool:
            return not (await admin.get("users/alice/sessions"))["sessions"]

        await eventually(away)
        assert (await admin.client.post(f"/api/v1/admin/sessions/{sid}/disconnect")).status_code == 404
        await page.open(one.url, token(), transports=["websocket"])
        assert page.recovered
        noted = [("session.disconnect", sid, "done"), ("session.disconnect", sid, "not_found")]
        assert [action[1:] for action in await actions(admin)] == noted


async def test_a_revoked_user_is_cut_from_every_node_and_refused_from_then_on(fleet: Fleet) -> None:
    async with (
        two(fleet) as (one, other),
        overseeing(one.url) as admin,
        listening(one.url) as near,
        listening(other.url) as far,
    ):
        user = (await admin.get("users/alice/sessions"))["revoked_at_s"]
        assert user is None
        revoked_at_s = (await admin.post("users/alice/revoke"))["revoked_at_s"]
        await eventually(lambda: not near.connected and not far.connected)
        refused = await admin.client.get("/api/v1/chats/", headers=bearer("alice", iat=revoked_at_s))
        assert refused.status_code == 401
        seen = await admin.get("users/alice/sessions")
        assert (seen["revoked_at_s"], seen["sessions"]) == (revoked_at_s, [])
        assert await actions(admin) == [("root", "user.revoke", "alice", "done")]


async def test_roles_that_are_given_are_noted(fleet: Fleet) -> None:
    async with fleet.inside() as node, overseeing(node.url) as admin:
        answer = await admin.client.post("/api/v1/users/nobody/update", json={"role": "admin"})
        assert answer.status_code == 404
        assert await actions(admin) == [("root", "role.admin", "nobody", "not_found")]


async def test_tasks_of_all_nodes_are_listed_and_stopped_by_an_admin(fleet: Fleet) -> None:
    async with asking(fleet) as (one, api, provider), fleet.inside() as other, overseeing(other.url) as admin:
        provider.script = stalls
        chat = await api.new_chat()
        tasks = sorted([await ask(api, chat, f"m{number}") for number in range(2)])
        await so_far(api, chat, "begun", "m0")
        first = await admin.get("tasks", limit=1)
        assert ([task["task_id"] for task in first["tasks"]], first["cursor"]) == (tasks[:1], tasks[0])
        rest = await admin.get("tasks", cursor=tasks[0])
        (task,) = rest["tasks"]
        assert (task["task_id"], task["user_id"], task["item_id"]) == (tasks[1], "alice", chat)
        assert (task["node"], rest["cursor"]) == (one.node.name, None)
        assert task["lease_until_ms"] > task["since_ms"] > 0
        assert (await admin.client.post(f"/api/tasks/stop/{tasks[0]}")).json()["status"]
        assert await actions(admin) == [("root", "task.stop", tasks[0], "done")]
        assert (await message_of(api, chat, "m0")) is not None
        assert [task["task_id"] for task in (await admin.get("tasks"))["tasks"]] == tasks[1:]
        assert (await admin.client.post(f"/api/tasks/chat/{chat}/stop")).json()["task_ids"] == tasks[1:]
        assert (await actions(admin))[1:] == [("root", "task.stop", tasks[1], "done")]


async def test_any_room_is_read_by_admins_and_what_is_gone_is_said(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), overseeing(other.url) as admin, listening(one.url):
        alice = Api(one.url)
        chat = await alice.new_chat()
        positions = [await alice.emit(chat, "message", {"content": str(number)}) for number in range(3)]
        room = await admin.get("rooms/user:alice")
        assert (room["length"], room["newest"], room["unfolded"], room["document"]) == (4, positions[-1], 4, None)
        assert (room["retention_s"], room["bytes"] > 0) == (one.node.settings.retention_s, True)
        (member,) = room["member_list"]
        assert (member["user_id"], member["node"], room["members"]) == ("alice", one.node.name, 1)
        page = await admin.get("rooms/user:alice/events", after=positions[0], limit=1)
        assert [event["position"] for event in page["events"]] == positions[1:2]
        assert page["events"][0]["data"]["data"]["data"] == {"content": "1"}
        assert (page["next"], page["complete"], page["gap"]) == (positions[1], False, False)
        rest = await admin.get("rooms/user:alice/events", after=page["next"])
        assert ([event["position"] for event in rest["events"]], rest["complete"]) == (positions[2:], True)
        await one.node.rooms.trim("user:alice", Position.parse(positions[2]))
        torn = await admin.get("rooms/user:alice/events", after=positions[0])
        assert ([event["position"] for event in torn["events"]], torn["gap"]) == (positions[2:], True)
        for path in ("rooms/chat:none", "rooms/chat:none/events", "rooms/chat:none/events/stream"):
            assert (await admin.client.get(f"/api/v1/admin/{path}")).status_code == 404
        await one.node.orders.close_room("chat:none")
        (order,) = (await admin.get("rooms/system:control/events"))["events"]
        assert order["data"] == {"do": "close", "room": "chat:none"}
        orders = await admin.client.get("/api/v1/admin/rooms/system:control/events/stream")
        assert orders.status_code == 404
        await alice.aclose()


async def test_what_is_personal_is_withheld_from_admins_listed_and_followed(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), overseeing(other.url) as admin:
        alice = ChannelApi(one.url, "alice")
        direct = (await alice.send("GET", "/users/bob"))["id"]
        room = f"channel:{direct}"
        url = f"/api/v1/admin/rooms/{room}/events/stream"
        async with admin.client.stream("GET", url) as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == ": following"
            await alice.say(direct, "a secret")
            told = [await asyncio.wait_for(anext(lines), 10) for _ in range(4)]
        assert told[-1] == "data: null"
        page = await admin.get(f"rooms/{room}/events")
        assert page["events"]
        assert all(event["withheld"] and event["data"] is None for event in page["events"])
        letter = await admin.get(f"deadletters/{await parked(one, room, b'{}')}")
        assert (letter["withheld"], letter["data"]) == (True, None)
        assert "secret" not in json.dumps([told, page])
        await alice.aclose()


async def test_what_was_personal_stays_withheld_when_the_channel_is_deleted(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), overseeing(other.url) as admin:
        alice = ChannelApi(one.url, "alice")
        group = (await alice.send("POST", "/create", {"name": "us", "type": "group", "user_ids": ["bob"]}))["id"]
        await alice.say(group, "a secret")
        await alice.send("DELETE", f"/{group}/delete")
        page = await admin.get(f"rooms/channel:{group}/events")
        assert page["events"]
        assert "secret" not in json.dumps(page)
        await alice.aclose()


async def test_a_room_is_followed_by_an_admin_who_is_no_member_until_the_role_is_gone(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), overseeing(one.url) as admin:
        alice, boss = Api(one.url), Admin(other.url, "boss")
        chat = await alice.new_chat()
        position = await alice.emit(chat, "message", {"content": "before"})
        await boss.get("overview")
        url = "/api/v1/admin/rooms/user:alice/events/stream"
        async with boss.client.stream("GET", url, params={"after": position}) as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == ": following"
            after = await alice.emit(chat, "message", {"content": "after"})
            told = [await asyncio.wait_for(anext(lines), 10) for _ in range(4)]
            assert told[1] == f"id: {after}"
            assert '"content":"after"' in told[3]

            async def demoted() -> bool:
                answer = await admin.client.post("/api/v1/users/boss/update", json={"role": "user"})
                return answer.is_success

            await eventually(demoted)
            assert not [line async for line in lines if line]
        assert (await boss.client.get(url)).status_code == 403
        await alice.aclose()
        await boss.aclose()


async def test_the_rooms_and_the_hour_are_told_by_any_node(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), overseeing(other.url) as admin:
        alice = Api(one.url)
        await alice.new_chat()
        listed = await admin.get("rooms", q="alice", order="lag", limit=1)
        assert [room["room"] for room in listed["rooms"]] == ["user:alice"]
        assert (listed["partial"], listed["cursor"], listed["known"] >= 1) == (False, None, True)
        history = await admin.get("history")
        assert (history["step_s"], history["series"]["rooms"]["unit"]) == (10, "rooms")
        assert {len(series["values"]) for series in history["series"].values()} == {360}
        await alice.aclose()


async def test_a_documents_room_is_told_with_what_waits_of_it(fleet: Fleet) -> None:
    async with fleet.inside() as node, overseeing(node.url) as admin:
        log = DocumentLog(node.node.link, node.node.link.client(connections=1))
        assert await log.open("doc_note:n", Opening("1", {}))
        change = DocumentChange("1", [(1, 0, 3)])
        await node.node.appender.append(NewEntry("doc_note:n", "ydoc", b"{}", binary=b"xyz", change=change))
        document = (await admin.get("rooms/doc_note:n"))["document"]
        assert (document["epoch"], document["updates"], document["update_bytes"]) == ("1", 1, 3)
        assert (document["is_folding"], document["due_ms"] > 0) == (False, True)


async def test_malformed_questions_are_refused(fleet: Fleet) -> None:
    async with fleet.inside() as node, overseeing(node.url) as admin:
        for path in (
            "rooms?order=size",
            "rooms?cursor=x",
            "rooms?limit=0",
            "rooms?limit=501",
            "rooms?q=%00",
            "deadletters?after=x",
            "audit?after=x",
            "rooms/user:alice/events?after=x",
            "tasks?limit=x",
        ):
            assert (await admin.client.get(f"/api/v1/admin/{path}")).status_code == 400, path


async def test_every_route_is_for_admins_alone(fleet: Fleet) -> None:
    async with fleet.inside() as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        for operation in OVERSIGHT:
            path = operation.path.replace("{", "").replace("}", "")
            statuses = [
                (await client.request(operation.method, path, headers=headers)).status_code
                for headers in ({}, bearer("eve"), bearer("robot", role="service"))
            ]
            assert statuses == [401, 403, 403], path
            assert operation.path.startswith("/api/v1/admin/")
