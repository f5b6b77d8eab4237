"""`chat:active`: pages are told when tasks of a chat begin and when none runs any more, on whichever nodes they run."""

from __future__ import annotations

import asyncio

from registry.tasks import Remains, TaskRecord, Tasks
from streams.link import Link
from tests.contract.clients import Listener, listening
from tests.contract.test_chats import join
from tests.support.completions import ask, asking
from tests.support.nodes import Api, Fleet, eventually, token
from tests.support.provider_faults import stalls


def active(page: Listener, chat: str) -> list[bool]:
    """What a page was told of a chat, in order, repetitions left out."""
    bodies = [body["data"] for body in page.of("events") if body["chat_id"] == chat]
    told = [data["data"]["active"] for data in bodies if data["type"] == "chat:active"]
    return [now for before, now in zip([None, *told], told, strict=False) if now is not before]


async def test_a_chat_is_active_while_tasks_of_it_run_on_any_node(fleet: Fleet) -> None:
    async with (
        asking(fleet) as (one, here, provider),
        asking(fleet) as (two, there, another),
        listening(two.url) as page,
        listening(two.url, "root", role="admin") as viewer,
    ):
        provider.script = another.script = stalls
        chat = await here.new_chat()
        assert await join(viewer, chat)
        first = await ask(here, chat)
        await eventually(lambda: active(page, chat) == [True])
        second = await ask(there, chat, "m2")
        assert (await here.client.post(f"/api/tasks/stop/{second}")).json()["status"]
        await eventually(lambda: len(two.node.tasks) == 0)
        assert (await there.client.post(f"/api/tasks/stop/{first}")).json()["status"]
        await eventually(lambda: active(page, chat) == [True, False])
        await eventually(lambda: active(viewer, chat) == [True, False])
        named = {body["message_id"] for body in page.of("events") if body["data"]["type"] == "chat:active"}
        assert named <= {"m1", "m2"}, "pages take notice only of messages that they show"
        assert len(one.node.tasks) == 0


async def test_a_page_that_was_away_at_the_end_is_told_when_it_comes_back(fleet: Fleet) -> None:
    async with fleet.inside(echo_words_s=20) as one, fleet.inside() as two, listening(two.url) as page:
        api = Api(one.url)
        chat = await api.new_chat()
        await ask(api, chat)
        await eventually(lambda: active(page, chat) == [True])
        await page.drop()
        await eventually(lambda: len(one.node.tasks) == 0)
        await page.open(one.url, token(), transports=["websocket"])
        await eventually(lambda: active(page, chat) == [True, False])
        await api.aclose()


async def test_of_many_who_tell_at_once_the_last_word_is_true(link: Link) -> None:
    """Tasks of one item begin and end side by side; each tells what it finds, however late it gets to it."""
    records = Tasks(link.keys, link.client(connections=8), 30)
    told: list[bool] = []

    async def one(number: int) -> None:
        task = TaskRecord(f"t{number}", "chat", "node", "u", 1, Remains("u", "chat", "m", "r"))

        async def tell(now: bool) -> None:
            for _ in range(number % 5):
                await records.running("chat")  # gets to it late
            told.append(now)

        await records.register(task)
        await records.tell_active("chat", tell)
        if number:
            await records.end(task, "done", closed=True)
            await records.tell_active("chat", tell)

    await asyncio.gather(*map(one, range(12)))
    assert told[-1] is True, "the first task runs on"
    await records.end(TaskRecord("t0", "chat", "node"), "done", closed=True)

    async def note(now: bool) -> None:
        told.append(now)

    await records.tell_active("chat", note)
    assert told[-1] is False
