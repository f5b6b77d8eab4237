"""What a node keeps of a client that says nothing."""

from __future__ import annotations

import asyncio

from tests.contract.clients import raw_session
from tests.support.nodes import FAST, Fleet, eventually


async def test_a_silent_client_has_no_task_and_is_heard_when_it_speaks(fleet: Fleet) -> None:
    fleet.websockets = FAST
    async with fleet.inside() as node, raw_session(node.url) as first:
        sockets = node.node.server.eio.sockets
        await eventually(lambda: not [task for task in asyncio.all_tasks() if _serves_websocket(task)])
        assert len(sockets) == 1
        await first.alive()
        await first.send("1")
        await eventually(lambda: not sockets)
        await eventually(lambda: not node.node.sessions.by_sid)


def _serves_websocket(task: asyncio.Task[object]) -> bool:
    name = getattr(task.get_coro(), "__qualname__", "")
    return name.endswith(("run_asgi", "_read_waiting", "NodeSessions._feed"))
