"""Processes that stream completions are killed, suspended, cut off; so are owners of tasks that are asked to stop."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from cli.resuming import ResumingClient
from tests.support.completions import ask, done, events_of, message_of, so_far
from tests.support.nodes import Api, Fleet, LocalNode, Process, eventually, token
from tests.support.provider import Conversation, running_provider
from tests.support.proxy import proxy_to

LEASE_S = 3.0


class Drip:
    """A script that sends a word, and others when it is told to. sent: those are on their way."""

    def __init__(self) -> None:
        self.more = asyncio.Event()
        self.sent = asyncio.Event()

    async def __call__(self, conversation: Conversation) -> None:
        await conversation.start()
        await conversation.event(content="begun")
        await self.more.wait()
        for _ in range(5):
            await conversation.event(content=" late")
        await conversation.finish()
        self.sent.set()


@dataclass(frozen=True)
class Streaming:
    """A node process that streams an answer; alice on it (here) and on another one (there); the provider's script."""

    node: Process
    other: LocalNode
    here: Api
    there: Api
    chat: str
    task: str
    drip: Drip


@asynccontextmanager
async def streaming(fleet: Fleet, **settings: Any) -> AsyncIterator[Streaming]:
    """An answer that has begun."""
    async with running_provider() as provider, fleet.inside() as other:
        drip = Drip()
        provider.script = drip
        node = await fleet.node(**({"openai_api_base_url": provider.url, "task_lease_s": LEASE_S} | settings))
        here, there = Api(node.url), Api(other.url)
        chat = await there.new_chat()
        task = await ask(here, chat)
        await so_far(there, chat, "begun")
        try:
            yield Streaming(node, other, here, there, chat, task, drip)
        finally:
            await here.aclose()
            await there.aclose()


async def asked_to_stop(node: LocalNode, task: str) -> None:
    """Wait until the stop is noted on the task's record."""
    link = node.node.link
    client = link.client(connections=1)

    async def noted() -> bool:
        return bool(await client.hexists(link.keys.task(task), "stop"))

    await eventually(noted)


async def keys_of(fleet: Fleet) -> list[bytes]:
    """Every key of tasks and runs."""
    async with fleet.inside() as node:
        client = node.node.link.client(connections=1)
        found = [key async for key in client.scan_iter(match=f"{fleet.key_prefix}:*", count=1000)]
        return [key for key in found if b"}:task" in key or b"}:run:" in key]


async def nothing_left(fleet: Fleet) -> bool:
    """Whether the dead task is buried: no worker sees to it any more."""
    return await keys_of(fleet) == []


async def test_a_killed_node_leaves_its_answer_interrupted_with_the_text_so_far(fleet: Fleet) -> None:
    fleet.worker(), fleet.worker()
    async with streaming(fleet) as s:
        node, there, chat = s.node, s.there, s.chat
        told: list[Any] = []
        client = ResumingClient(reconnection=False)
        client.on("events", lambda body, *_: told.append(body["data"]))
        await client.open(str(there.client.base_url), token())
        node.kill()
        killed_at = time.monotonic()
        message = await done(there, chat)
        assert (
            time.monotonic() - killed_at < LEASE_S + 2
        )  # a look a second, and a machine that is busy with other tests
        assert (message["content"], message["stopped"], message["interrupted"]) == ("begun", True, True)
        idle = {"type": "chat:active", "data": {"active": False, "folder_id": None}}
        await eventually(lambda: idle in told)
        assert told == [{"type": "chat:tasks:cancel", "data": {"interrupted": True}}, idle]
        await eventually(lambda: nothing_left(fleet))
        assert [kind for kind, _ in await events_of(there)].count("chat:tasks:cancel") == 1
        assert (await there.client.get("/api/tasks")).json() == {"tasks": []}
        await client.disconnect()


async def test_what_died_while_no_worker_ran_is_closed_when_one_comes(fleet: Fleet) -> None:
    async with streaming(fleet, task_lease_s=1) as s:
        node, there, chat = s.node, s.there, s.chat
        node.kill()

        async def gone() -> bool:
            return bool((await there.client.get("/api/tasks")).json() == {"tasks": []})

        await eventually(gone)
        assert (await there.client.post(f"/api/tasks/stop/{s.task}")).json()["outcome"] == "over"
        assert not (await message_of(there, chat))["done"]
        fleet.worker()
        assert (await done(there, chat))["interrupted"]


async def test_a_late_token_of_a_process_that_was_given_up_is_refused(fleet: Fleet) -> None:
    fleet.worker()
    async with streaming(fleet, task_lease_s=1) as s:
        node, there, chat = s.node, s.there, s.chat
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)
        closed = await done(there, chat)
        assert closed["interrupted"]
        s.drip.more.set()
        await s.drip.sent.wait()  # the late words wait in the suspended process' socket
        node.process.send_signal(signal.SIGCONT)

        async def over() -> bool:
            metrics = (await s.here.client.get("/metrics")).text
            return (
                'roomlog_completions_total{outcome="replaced"} 1.0' in metrics or 'outcome="cancelled"} 1.0' in metrics
            )

        await eventually(over)
        assert await message_of(there, chat) == closed
        assert [kind for kind, _ in await events_of(there)][-1] == "chat:tasks:cancel"


async def test_an_owner_that_is_killed_while_it_is_asked_to_stop_is_unreachable(fleet: Fleet) -> None:
    fleet.worker()
    async with streaming(fleet) as s:
        node, there, chat = s.node, s.there, s.chat
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)
        asked_at = time.monotonic()
        stopping = asyncio.create_task(there.client.post(f"/api/tasks/stop/{s.task}"))
        await asked_to_stop(s.other, s.task)
        assert not stopping.done()
        node.kill()
        answer = (await stopping).json()
        assert (answer["status"], answer["outcome"]) == (False, "unreachable")
        assert time.monotonic() - asked_at < LEASE_S + 2  # a look a second, and a machine that is busy with other tests
        assert (await done(there, chat))["interrupted"]
        await eventually(lambda: nothing_left(fleet))


async def test_a_stop_reaches_an_owner_that_was_suspended(fleet: Fleet) -> None:
    async with streaming(fleet, task_lease_s=60) as s:
        node, there, chat = s.node, s.there, s.chat
        assert node.process is not None
        node.process.send_signal(signal.SIGSTOP)
        async with fleet.inside(task_stop_wait_s=0.5) as hasty:
            api = Api(hasty.url)
            assert (await api.client.post(f"/api/tasks/stop/{s.task}")).json()["outcome"] == "unreachable"
            await api.aclose()
        node.process.send_signal(signal.SIGCONT)
        message = await done(there, chat)
        assert (message["content"], message["stopped"], message.get("interrupted")) == ("begun", True, False)


async def test_a_stop_reaches_an_owner_that_was_reconnecting(fleet: Fleet) -> None:
    async with proxy_to(int(fleet.redis_url.rpartition(":")[2])) as proxy:
        behind = replace(fleet, redis_url=f"redis://127.0.0.1:{proxy.port}", processes=fleet.processes)
        async with (
            running_provider() as provider,
            fleet.inside() as other,
            behind.inside(openai_api_base_url=provider.url, task_lease_s=60) as owner,
        ):
            drip = Drip()
            provider.script = drip
            there, here = Api(other.url), Api(owner.url)
            chat = await there.new_chat()
            task = await ask(here, chat)
            await so_far(there, chat, "begun")
            proxy.refusing = True
            proxy.cut()
            stopping = asyncio.create_task(there.client.post(f"/api/tasks/stop/{task}"))
            await asked_to_stop(other, task)
            assert not stopping.done()
            proxy.refusing = False
            assert (await stopping).json()["outcome"] == "stopped"
            assert (await message_of(there, chat))["stopped"]
            await there.aclose()
            await here.aclose()
