"""Everything dies at once: the keys in Redis are counted before and after, all of them."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from tests.integration.test_calls import ask as ask_page
from tests.integration.test_calls import info
from tests.support.completions import ask, done, so_far
from tests.support.nodes import Api, Fleet, LocalNode, Process, eventually
from tests.support.people import Person, people
from tests.support.provider import running_provider
from tests.support.provider_faults import stalls

SOON: dict[str, Any] = {"presence_ttl_s": 3, "session_ttl_s": 3, "task_lease_s": 3}
KEPT = ("room:", "log", "producer:", "owner:", "active:", "role:", "samples", "audit", "lease:sampler")
"""Logs and who owns a chat, of which each round has its own; what makes an append, a write of last-active or the
question for a role happen once, for an hour or a minute; what operators look back at, and who samples it."""
STANDING = {"epoch", "heads", "folded", "jobs", "queued", "nodes", "workers", "usage", "users"}
"""Of the shard, not of anybody."""


async def keys(node: LocalNode, prefix: str) -> set[str]:
    client = node.node.link.client(connections=1)
    found = {key.decode() async for key in client.scan_iter(match=f"{prefix}:*", count=1000)}
    await client.aclose()
    return {key for key in found if not key.partition("}:")[2].startswith(KEPT)}


async def never(_: Any) -> Any:
    await asyncio.Event().wait()


async def test_a_node_and_a_caller_that_are_killed_leave_no_key_behind(fleet: Fleet) -> None:
    """The node holds a called session, present in a chat, and streams a completion that it is asked to stop; a process
    waits for another call."""
    fleet.worker()
    async with running_provider() as provider, fleet.inside(**SOON) as other:
        provider.script = stalls
        api = Api(other.url)

        async def round_of(kill: bool) -> None:
            doomed = await fleet.node(openai_api_base_url=provider.url, **SOON)
            async with people(Person("alice"), Person("bob")) as (alice, bob):
                await alice.at(doomed.url)
                await bob.at(other.url)
                for page in (alice, bob):
                    page.answers["confirmation"] = never
                script = caller_of(bob)
                asking = asyncio.create_task(ask_page(other, alice))
                await eventually(lambda: alice.asked and bob.asked)
                there, chat = Api(doomed.url), await api.new_chat()
                await alice.chat(chat, "join")
                await alice.emit("usage", {"model": "m"})
                task = await ask(there, chat, session_id=alice.get_sid())
                await so_far(api, chat, "begun")
                assert doomed.process is not None
                if kill:
                    doomed.process.send_signal(signal.SIGSTOP)
                stopping = asyncio.create_task(api.client.post(f"/api/tasks/stop/{task}"))
                if kill:
                    doomed.kill()
                script.kill()
                assert (await stopping).json()["outcome"] == ("unreachable" if kill else "stopped")
                assert (await done(api, chat))["stopped"]
                asking.cancel()
                await asyncio.wait({asking})
                await there.aclose()
            if not kill:
                doomed.stop()

        def caller_of(page: Person) -> Process:
            program = (
                "import asyncio\nfrom app.producer import producer\n"
                "async def main():\n"
                f"    async with producer({fleet.redis_url!r}, {fleet.key_prefix!r}) as p:\n"
                f"        ask = await p.get_event_call({info(page)!r})\n"
                "        await ask({'type': 'confirmation', 'data': {}})\n"
                "asyncio.run(main())\n"
            )
            script = Process(["-c", program], fleet.env())
            fleet.processes.append(script)
            script.start()
            return script

        async def idle() -> Any:
            found = await keys(other, fleet.key_prefix)
            return found if {key.partition("}:")[2] for key in found} <= STANDING else None

        await round_of(kill=False)
        before = await eventually(idle, 90)
        await round_of(kill=True)
        assert await eventually(idle, 90) == before
        await api.aclose()
