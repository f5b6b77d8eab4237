"""Going away calmly: a node that is told to stop sends its clients elsewhere first, and lets its work end.

No client is told by Socket.IO's DISCONNECT packet: a stock client does not come back from that. Its link ends, behind
everything that was sent to it; then it reconnects by itself, is taken by another node, and resumes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from app import metrics
from app.enginesocket import EngineSocket
from app.follow import Followers
from app.server import Server
from app.tasks import Tasks
from streams.ending import end

log = logging.getLogger("roomlog.drain")

CLOSING_S = 2.0
"""How long behind the window links that were told to end may still write what waits for them."""

LOOK_S = 0.05
"""How often clients are told, and how often it is looked whether they have gone."""


class Drain:
    """A node's going away. begun: it takes no new clients, and is not ready.

    window_s: the time across which clients are moved over, and within which tasks may end by themselves; 0: at once.
    report: lets the other nodes know. spawn: runs a coroutine in the node's task group.
    """

    def __init__(
        self,
        server: Server,
        followers: Followers,
        tasks: Tasks,
        window_s: float,
        report: Callable[[], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._server = server
        self._followers = followers
        self._tasks = tasks
        self._window_s = window_s
        self._report = report
        self._spawn = spawn
        self._going: asyncio.Task[None] | None = None
        self._told: set[str] = set()
        self._ends = 0.0
        self._credit = 1.0  # the first is told at once

    @property
    def begun(self) -> bool:
        return self._going is not None

    def begin(self, stop: Callable[[], None]) -> None:
        """Go away; `stop` is called when there is nothing more to wait for. Does nothing the second time."""
        if self._going is None:
            self._ends = asyncio.get_running_loop().time() + self._window_s
            self._going = self._spawn(self._go(stop))

    async def aclose(self) -> None:
        """Wait for nothing any more. May be called twice."""
        if self._going is not None:
            await end([self._going])

    async def _go(self, stop: Callable[[], None]) -> None:
        log.info(
            "this node goes away: %s clients are moved over within %g s; %s tasks run",
            len(self._sockets()),
            self._window_s,
            len(self._tasks),
        )
        await self._report()
        async with asyncio.TaskGroup() as polled:
            while self._is_waited_for():
                waiting = self._untold(polled)
                for tell in waiting[: self._due(len(waiting))]:
                    tell()
                await asyncio.sleep(LOOK_S)
        log.info("%s clients were moved over; %s tasks are interrupted", len(self._told), len(self._tasks))
        stop()

    def _is_waited_for(self) -> bool:
        """Whether something is here for which there is still time."""
        clients = len(self._sockets()) + len(self._followers)
        if self._left_s() > 0:
            return bool(clients or len(self._tasks))
        return bool(clients) and self._left_s() > -CLOSING_S

    def _due(self, waiting: int) -> int:
        """How many are told now: so many that who is left takes what is left of the window; behind it, all."""
        left_s = self._left_s()
        if left_s <= LOOK_S:
            return waiting
        self._credit += waiting * LOOK_S / left_s
        due = int(self._credit)
        self._credit -= due
        return due

    def _untold(self, polled: asyncio.TaskGroup) -> list[Callable[[], object]]:
        """For each client that was not told yet: what tells it. Who changes over to a WebSocket is told behind that."""
        sockets = [socket for socket in self._sockets() if socket.sid not in self._told and not socket.upgrading]
        return [
            *(partial(self._move, socket, polled) for socket in sockets),
            *(partial(self._followers.close, follower) for follower in self._followers),
        ]

    def _move(self, socket: EngineSocket, polled: asyncio.TaskGroup) -> None:
        """End a link behind what waits for its client; by WebSocket, behind answers to what it has sent, too."""
        self._told.add(socket.sid)
        metrics.MOVED.inc()
        session = self._server.by_connection.get(socket.sid)
        if session is not None:
            session.feed.live = False
            session.feed.closed = True
        if socket.upgraded:
            socket.queue.put_nowait(None)
        else:
            polled.create_task(self._end_polling(socket))

    async def _end_polling(self, socket: EngineSocket) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._ends):
                await socket.queue.join()
        await socket.close(wait=False, abort=True, reason=self._server.reason.TRANSPORT_CLOSE)
        socket.queue.put_nowait(None)  # answers the poll that is under way

    def _sockets(self) -> list[EngineSocket]:
        return [socket for socket in self._server.eio.sockets.values() if not socket.closed]

    def _left_s(self) -> float:
        return self._ends - asyncio.get_running_loop().time()
