"""Rows of the table of routes (docs/contract.md §7) that no other test has for its subject."""

from __future__ import annotations

from typing import Any

import httpx

from app import __version__
from streams.entry import Position
from tests.contract.clients import Listener, listening
from tests.contract.test_chats import calling, two
from tests.support.nodes import Api, Fleet, eventually, token

CHAT = {"id", "user_id", "title", "chat", "updated_at", "created_at", "position"}
MESSAGE = {
    "id", "parentId", "childrenIds", "role", "content", "statusHistory", "sources", "files", "embeds", "followUps",
    "error", "done", "model", "timestamp",
}  # fmt: skip
WORDS = [f"word{number}" for number in range(200)]


async def test_a_chat_is_made_and_read_in_its_shape_on_the_other_node(fleet: Fleet) -> None:
    async with (
        two(fleet) as (one, other),
        calling(one.url, "alice") as (api,),
        calling(other.url, "alice") as (reader,),
    ):
        made = (await api.client.post("/api/v1/chats/new", json={"title": "Fish"})).json()
        untitled = (await api.client.post("/api/v1/chats/new", json={})).json()
        assert (made["title"], untitled["title"]) == ("Fish", "New Chat")
        assert await reader.chat(made["id"]) | {"position": ""} == made | {"position": ""}
        position = await api.emit(made["id"], "message", {"content": "x"})
        chat = await reader.chat(made["id"])
        assert chat.keys() >= CHAT
        assert (chat["user_id"], chat["position"]) == ("alice", position)
        history = chat["chat"]["history"]
        assert (history["currentId"], history["messages"]["m1"].keys()) == ("m1", MESSAGE)


async def test_a_messages_content_is_set_for_a_page_on_the_other_node_through_a_cut(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), calling(one.url, "alice") as (api,), listening(other.url) as page:
        chat = await api.new_chat()

        async def put(content: str) -> None:
            answer = await api.client.post(f"/api/v1/chats/{chat}/messages/m1", json={"content": content})
            assert answer.status_code == 200, answer.text
            assert answer.json()["chat"]["history"]["messages"]["m1"]["content"] == content

        await put("one")
        await page.drop()
        await put("two")
        await page.open(other.url, token(), transports=["websocket"])
        assert page.recovered
        await put("three")

        def shown() -> list[str]:
            bodies = [body["data"] for body in page.of("events") if body["message_id"] == "m1"]
            return [data["data"]["content"] for data in bodies if data["type"] == "chat:message"]

        await eventually(lambda: shown()[-1:] == ["three"])
        assert shown() == ["one", "two", "three"]


async def test_a_service_publishes_to_a_room_through_a_cut_and_what_is_not_durable_is_not_replayed(
    fleet: Fleet,
) -> None:
    async with two(fleet) as (one, other), listening(other.url) as page, calling(one.url, "alice") as (user,):
        service = Api(one.url, "robot", role="service")

        async def publish(number: int, **more: Any) -> Any:
            body = {"event": "news", "data": {"n": number}} | more
            answer = await service.client.post("/api/v1/rooms/user:alice/events", json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()["position"]

        positions = [await publish(1)]
        assert await publish(2, durable=False) is None
        await eventually(lambda: page.of("news") == [{"n": 1}, {"n": 2}])
        await page.drop()
        positions.append(await publish(3))
        assert await publish(4, durable=False) is None
        await page.open(other.url, token(), transports=["websocket"])
        assert page.recovered
        positions.append(await publish(5))
        await eventually(lambda: page.of("news")[-1] == {"n": 5})
        assert [body["n"] for body in page.of("news")] == [1, 2, 3, 5]
        assert [arguments[1] for _, arguments in page.got if len(arguments) > 1] == positions
        refused = await user.client.post("/api/v1/rooms/user:alice/events", json={"event": "news", "data": {}})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        await service.aclose()


async def test_a_list_of_events_is_appended_in_order_and_again_with_its_key_only_what_is_missing(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url) as page, calling(one.url, "alice") as (user,):
        service = Api(one.url, "robot", role="service")

        async def publish(*texts: str, key: str = "k") -> httpx.Response:
            events: list[Any] = [{"event": "news", "data": text} for text in texts]
            events.append({"event": "news", "data": "unkept", "durable": False})
            headers = {"Idempotency-Key": key}
            return await service.client.post("/api/v1/rooms/user:alice/events", json=events, headers=headers)

        first = (await publish("a", "b", "c")).json()["positions"]
        assert first[:3] == sorted(first[:3], key=Position.parse)
        assert first[3] is None
        assert (await publish("a", "b", "c")).json()["positions"] == first
        other_body = await publish("a", "other", "c", "d")
        assert (other_body.status_code, other_body.json()["code"]) == (422, "idempotency_key_reused")
        assert other_body.json()["detail"].startswith("event 1: ")
        assert [at is None for at in other_body.json()["positions"]] == [False, True, False, False, True]
        await eventually(lambda: "d" in page.of("news"))
        assert [text for text in page.of("news") if text != "unkept"] == ["a", "b", "c", "d"]

        chat = await user.new_chat()
        events = [{"type": "message", "data": {"content": f"{word} "}} for word in ("one", "two", "three")]
        path = f"/api/v1/chats/{chat}/messages/m1/event"
        done = (await user.client.post(path, json=events, params={"ack": "log"})).json()
        assert len(done["positions"]) == 3
        await eventually(lambda: page.words == ["one", "two", "three"])
        for bad in ([], [*events, {"data": 1}], events * 200):
            refused = await user.client.post(path, json=bad)
            assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
        assert (await user.chat(chat))["chat"]["history"]["messages"]["m1"]["content"] == "one two three "
        await service.aclose()


async def _completes(api: Api, chat: str, message: str = "m1") -> str:
    body = {
        "model": "echo",
        "stream": True,
        "messages": [{"role": "user", "content": " ".join(WORDS)}],
        "chat_id": chat,
        "id": message,
    }
    answer = await api.client.post("/api/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["chat_id"]) == (True, chat)
    (task,) = answer.json()["task_ids"]
    return str(task)


def _deltas(page: Listener) -> str:
    bodies = [body["data"] for body in page.of("events") if body["data"]["type"] == "chat:message:delta"]
    return "".join(data["data"]["content"] for data in bodies)


async def test_a_completion_on_the_other_node_comes_whole_through_a_cut(fleet: Fleet) -> None:
    async with (
        fleet.inside(echo_words_s=150) as one,
        fleet.inside() as other,
        calling(one.url, "alice") as (api,),
        listening(other.url) as page,
    ):
        chat = await api.new_chat()
        await _completes(api, chat)
        await eventually(lambda: len(_deltas(page)) > 100)
        await page.drop()

        async def text() -> str:
            history = (await api.chat(chat))["chat"]["history"]
            return str(history["messages"].get("m1", {}).get("content", ""))

        had = len(_deltas(page))

        async def went_on() -> bool:
            return len(await text()) > had + 100

        await eventually(went_on)
        await page.open(other.url, token(), transports=["websocket"])
        assert page.recovered
        await eventually(lambda: any(body["data"]["data"].get("done") for body in page.of("events")), 30)
        assert _deltas(page) == await text() == " ".join(WORDS)


async def test_all_tasks_of_a_chat_are_listed_and_stopped_from_the_other_node_where_the_page_is(fleet: Fleet) -> None:
    async with (
        fleet.inside(echo_words_s=2) as one,
        fleet.inside() as other,
        calling(one.url, "alice") as (api,),
        calling(other.url, "alice") as (there,),
        listening(other.url) as page,
    ):
        chat = await api.new_chat()
        tasks = [await _completes(api, chat, f"m{number}") for number in range(3)]
        listed = (await there.client.get(f"/api/tasks/chat/{chat}")).json()["task_ids"]
        assert sorted(listed) == sorted((await there.client.get("/api/tasks")).json()["tasks"]) == sorted(tasks)
        await page.drop()
        answer = (await there.client.post(f"/api/tasks/chat/{chat}/stop")).json()
        assert (answer["status"], answer["outcomes"]) == (True, dict.fromkeys(tasks, "stopped"))
        assert (await there.client.get("/api/tasks")).json() == {"tasks": []}
        await page.open(other.url, token(), transports=["websocket"])
        assert page.recovered

        def stopped() -> list[str]:
            bodies = [body for body in page.of("events") if body["data"]["type"] == "chat:tasks:cancel"]
            return sorted(body["message_id"] for body in bodies)

        await eventually(lambda: stopped() == ["m0", "m1", "m2"])
        messages = (await there.chat(chat))["chat"]["history"]["messages"]
        assert [(m["done"], m["stopped"]) for m in messages.values()] == [(True, True)] * 3


async def test_every_node_tells_anybody_its_version_configuration_and_state(fleet: Fleet) -> None:
    async with two(fleet) as nodes:
        for node in nodes:
            async with httpx.AsyncClient(base_url=node.url, trust_env=False) as nobody:
                assert (await nobody.get("/livez")).json() == {"status": "alive"}
                ready = await nobody.get("/readyz")
                assert (ready.status_code, ready.json()["status"], ready.json()["reasons"]) == (200, "ready", [])
                assert (await nobody.get("/api/version")).json() == {"version": __version__}
                config = (await nobody.get("/api/config")).json()
                assert (config["status"], config["features"]["enable_websocket"]) == (True, True)
                metrics = await nobody.get("/metrics")
                assert metrics.headers["content-type"].startswith("text/plain")
                assert "# TYPE roomlog_" in metrics.text
