"""The tasks of completions: listed and stopped from any node, by those who may, and gone from Redis."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from tests.support.completions import REQUEST, ask, asking, done, message_of, so_far
from tests.support.nodes import Api, Fleet, eventually
from tests.support.provider import says
from tests.support.provider_faults import cuts, refuses_key, stalls


async def test_a_stop_from_the_other_node_keeps_the_text_so_far(fleet: Fleet) -> None:
    async with asking(fleet) as (_one, api, provider), fleet.inside() as two:
        provider.script = stalls
        chat = await api.new_chat()
        task = await ask(api, chat)
        await so_far(api, chat, "begun")
        other = Api(two.url)
        assert (await other.client.get("/api/tasks")).json() == {"tasks": [task]}
        assert (await other.client.get(f"/api/tasks/chat/{chat}")).json() == {"task_ids": [task]}
        answer = (await other.client.post(f"/api/tasks/stop/{task}")).json()
        assert (answer["status"], answer["outcome"]) == (True, "stopped")
        message = await message_of(other, chat)
        assert (message["content"], message["done"], message["stopped"]) == ("begun", True, True)
        assert not message.get("interrupted")
        again = (await other.client.post(f"/api/tasks/stop/{task}")).json()
        assert (again["status"], again["outcome"]) == (False, "over")
        assert (await other.client.get("/api/tasks")).json() == {"tasks": []}
        await other.aclose()


async def test_all_tasks_of_a_chat_are_stopped_at_once(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        tasks = [await ask(api, chat, f"m{number}") for number in range(3)]
        answer = (await api.client.post(f"/api/tasks/chat/{chat}/stop")).json()
        assert answer["status"] is True
        assert answer["outcomes"] == dict.fromkeys(tasks, "stopped")
        assert (await api.client.post(f"/api/tasks/chat/{chat}/stop")).json()["task_ids"] == []


async def test_a_stop_that_leaves_tasks_running_says_so(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.tasks.STOPS", 1)
    monkeypatch.setattr("app.tasks.STOP_ROUNDS", 2)
    async with asking(fleet) as (_node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        tasks = [await ask(api, chat, f"m{number}") for number in range(3)]
        answer = (await api.client.post(f"/api/tasks/chat/{chat}/stop")).json()
        assert (answer["status"], len(answer["task_ids"])) == (False, 2)
        assert answer["message"] == "2 tasks stopped; 1 still run: ask again"
        again = (await api.client.post(f"/api/tasks/chat/{chat}/stop")).json()
        assert (again["status"], {*answer["task_ids"], *again["task_ids"]}) == (True, {*tasks})


async def test_a_chat_of_many_tasks_is_stopped_in_rounds(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.tasks.STOPS", 2)
    async with asking(fleet) as (_node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        tasks = [await ask(api, chat, f"m{number}") for number in range(5)]
        answer = (await api.client.post(f"/api/tasks/chat/{chat}/stop")).json()
        assert (answer["status"], answer["outcomes"]) == (True, dict.fromkeys(tasks, "stopped"))


async def test_deleting_a_chat_stops_its_tasks_first_on_whichever_node(fleet: Fleet) -> None:
    async with asking(fleet) as (one, api, provider), fleet.inside() as two:
        provider.script = stalls
        chat, other = await api.new_chat(), await api.new_chat()
        await ask(api, chat)
        kept = await ask(api, other)
        await so_far(api, chat, "begun")
        there = Api(two.url)
        assert (await there.client.delete(f"/api/v1/chats/{chat}")).status_code == 200
        assert (await there.client.get("/api/tasks")).json() == {"tasks": [kept]}
        assert len(one.node.tasks) == 1
        answer = await there.client.get("/api/v1/rooms/user:alice/events", params={"limit": 1000})
        told = [e["data"]["data"]["type"] for e in answer.json()["events"] if e["data"].get("chat_id") == chat]
        assert told.index("chat:tasks:cancel") < told.index("chat:list")
        await there.aclose()


@pytest.mark.parametrize("chat", ["local", "local:1", "temporary:1"])
async def test_tasks_of_a_chat_that_only_a_page_knows_are_its_users_alone(fleet: Fleet, chat: str) -> None:
    async with asking(fleet) as (_one, api, provider), fleet.inside() as two:
        provider.script = stalls
        task = await ask(api, chat)
        eve, there = Api(two.url, "eve"), Api(two.url)
        assert (await eve.client.get(f"/api/tasks/chat/{chat}")).json() == {"task_ids": []}
        assert (await eve.client.post(f"/api/tasks/chat/{chat}/stop")).json()["task_ids"] == []
        assert (await eve.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "over"
        assert (await there.client.get(f"/api/tasks/chat/{chat}")).json() == {"task_ids": [task]}
        assert (await there.client.post(f"/api/tasks/chat/{chat}/stop")).json()["outcomes"] == {task: "stopped"}
        assert (await there.client.get(f"/api/tasks/chat/{chat}")).json() == {"task_ids": []}
        assert (await there.client.get("/api/v1/chats/")).json() == []
        await there.aclose()
        await eve.aclose()


async def test_a_user_sees_all_own_tasks_however_many_others_run(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.tasks.LISTED", 1)
    async with asking(fleet) as (node, api, provider):
        provider.script = stalls
        bob = Api(node.url, "bob")
        await ask(bob, await bob.new_chat())
        task = await ask(api, await api.new_chat())
        assert (await api.client.get("/api/tasks")).json() == {"tasks": [task]}
        assert (await api.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"
        assert (await api.client.get("/api/tasks")).json() == {"tasks": []}
        await bob.aclose()


async def test_a_stranger_sees_and_stops_nothing(fleet: Fleet) -> None:
    async with asking(fleet) as (node, api, provider):
        provider.script = stalls
        chat = await api.new_chat()
        task = await ask(api, chat)
        eve = Api(node.url, "eve")
        asked = await eve.client.post("/api/chat/completions", json=REQUEST | {"chat_id": chat, "id": "m1"})
        assert asked.status_code == 404
        assert (await eve.client.get("/api/tasks")).json() == {"tasks": []}
        assert (await eve.client.get(f"/api/tasks/chat/{chat}")).status_code == 404
        assert (await eve.client.post(f"/api/tasks/chat/{chat}/stop")).status_code == 404
        refused = (await eve.client.post(f"/api/tasks/stop/{task}")).json()
        unknown = (await eve.client.post("/api/tasks/stop/none")).json()
        assert refused["outcome"] == unknown["outcome"] == "over"
        assert refused["message"].replace(task, "none") == unknown["message"]
        assert (await api.client.get("/api/tasks")).json() == {"tasks": [task]}
        nobody = httpx.AsyncClient(base_url=node.url, trust_env=False)
        for method, path in (
            ("GET", "/api/tasks"),
            ("POST", f"/api/tasks/stop/{task}"),
            ("POST", "/api/chat/completions"),
        ):
            assert (await nobody.request(method, path)).status_code == 401
        await nobody.aclose()
        admin = Api(node.url, "root", role="admin")
        assert (await admin.client.get("/api/tasks")).json() == {"tasks": [task]}
        assert (await admin.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"
        await admin.aclose()
        await eve.aclose()


async def test_nothing_is_left_in_redis(fleet: Fleet) -> None:
    async with asking(fleet) as (node, api, provider):
        client = node.node.link.client(connections=1)

        async def keys() -> set[bytes]:
            logs = (b":room:", b":log", b":owner:", b":producer:", b":session:", b":active:")
            found = {key async for key in client.scan_iter(match=f"{fleet.key_prefix}:*", count=1000)}
            return {key for key in found if not any(part in key for part in logs)}

        chat = await api.new_chat()
        await api.emit(chat, "message", {"content": "x"}, "m0")
        before = await keys()
        for script in (says("a"), cuts, refuses_key):
            provider.script = script
            await ask(api, chat)
            await done(api, chat)
        provider.script = stalls
        task = await ask(api, chat, "m2")
        assert (await api.client.post(f"/api/tasks/stop/{task}")).json()["outcome"] == "stopped"

        left: set[bytes] = set()

        async def as_before() -> bool:
            left.clear()
            left.update(await keys() - before)
            return not left

        with suppress(AssertionError):
            await eventually(as_before, 30)  # an end that somebody waited for is kept for ten seconds
        assert left == set()
