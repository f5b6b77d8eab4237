"""The crowd: what the conductor may ask of it."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Mapping
from typing import Any

from bench.crowd.audit import faults, has_all
from bench.crowd.client import Client
from bench.crowd.count import Count
from bench.crowd.credits import Credits
from bench.figures import latencies
from bench.remote import Command

AT_ONCE = 50
"""Connections that are opened at a time: more only fill the listeners' backlogs."""

POLL_S = 0.005

HOPELESS_S = 1.0
"""How long what was missed is waited for when not one client was recovered."""


class Crowd:
    """Clients are named by their number, in the order in which they were opened."""

    def __init__(self) -> None:
        self._clients: list[Client] = []
        self._count = Count()
        self._credits: Credits | None = None

    @property
    def commands(self) -> Mapping[str, Command]:
        return {
            "open": self.open,
            "call": self.call,
            "forget": self.forget,
            "reset": self.reset,
            "report": self.report,
            "caught_up": self.caught_up,
            "credits": self.credits,
            "cut": self.cut,
            "back": self.back,
            "pause": self.pause,
            "resume": self.resume,
            "close": self.close,
        }

    async def open(
        self, urls: list[str], members: list[dict[str, Any]], small_buffers: bool = False, deflate: bool = False
    ) -> dict[str, Any]:
        """Open one client a member, on the URLs in turn. Raises what the first that fails raises.

        A member has `auth`, sent as it is, and `rooms`: the numbers of the rooms whose events it is owed.
        """
        paid = self._credits.delivered if self._credits else None
        made = [
            Client(urls[number % len(urls)], member["auth"], member["rooms"], self._count, paid)
            for number, member in enumerate(members)
        ]
        self._clients += made
        started = time.monotonic()
        await _all(made, lambda client: client.open(small_buffers, deflate))
        seconds = time.monotonic() - started
        return {"seconds": seconds, "inflating": sum(client.inflates is not None for client in self._clients)}

    async def call(self, calls: list[list[Any]], limit_s: float) -> dict[str, Any]:
        """Have clients send events, [client, name, data] each, and wait until all are acknowledged.

        Raises TimeoutError. refused: how many were acknowledged with false.
        """
        count = self._count
        count.answers = count.refusals = 0
        started = time.monotonic()
        for number, (client, name, data) in enumerate(calls):
            self._clients[client].call(number, name, data)
        async with asyncio.timeout(limit_s):
            while count.answers < len(calls):  # noqa: ASYNC110  # an event each answer would cost more
                await asyncio.sleep(POLL_S)
        return {"seconds": time.monotonic() - started, "refused": count.refusals}

    async def reset(self) -> dict[str, Any]:
        """Begin a window: counts start at zero; sequence numbers go on."""
        self._count.spread_ns = array("q")
        for name in ("deliveries", "frames", "bytes", "resets", "errors"):
            setattr(self._count, name, 0)
        for client in self._clients:
            for tally in client.rooms.values():
                tally.repeated = tally.disordered = 0
        return {}

    async def forget(self) -> dict[str, Any]:
        """Forget what was delivered, for a publisher that begins again with number 0."""
        for client in self._clients:
            client.forget()
        return await self.reset()

    async def report(self, emitted: dict[str, int] | None = None) -> dict[str, Any]:
        """Everything since the reset. emitted: room number -> events so far; what a client should have of its rooms."""
        count = self._count
        figures = {name: getattr(count, name) for name in ("deliveries", "frames", "bytes", "resets", "errors")}
        figures["closed"] = sum(client.ended.is_set() for client in self._clients)
        return figures | faults(self._clients, emitted or {}) | latencies(count.spread_ns)

    async def caught_up(
        self, emitted: dict[str, int], limit_s: float, first: int = 0, count: int = -1
    ) -> dict[str, Any]:
        """Wait until these clients have the last event of all their rooms, at most `limit_s`."""
        clients = self._clients[first:] if count < 0 else self._clients[first : first + count]
        deadline = time.monotonic() + limit_s
        waiting = clients
        while waiting and time.monotonic() < deadline:
            waiting = [client for client in waiting if not has_all(client, emitted)]
            if waiting:
                await asyncio.sleep(POLL_S)
        last = max((client.last_at_ns for client in clients), default=0)
        return {"behind": len(waiting), "last_at_ns": last}

    async def credits(self, path: str, deliveries_each: int) -> dict[str, Any]:
        """Pay a publisher that connects to `path`, from now on. At most one at a time."""
        if self._credits is not None:
            self._credits.close()
        self._credits = Credits(deliveries_each)
        await self._credits.serve(path)
        for client in self._clients:
            client.delivered = self._credits.delivered
        return {}

    async def cut(self, first: int, count: int) -> dict[str, Any]:
        """End the links of these clients without a word."""
        cut = self._clients[first : first + count]
        for client in cut:
            client.cut()
        await asyncio.gather(*(client.ended.wait() for client in cut))
        return {}

    async def back(
        self, urls: list[str], first: int, count: int, emitted: dict[str, int], limit_s: float
    ) -> dict[str, Any]:
        """Bring these clients back, all at once, and wait until they have all. seconds: from the first connect on.

        When not one of them was recovered, nothing will come: the wait is short.
        """
        clients = self._clients[first : first + count]
        for number, client in enumerate(clients):
            client.url = urls[number % len(urls)]
        started = time.monotonic_ns()
        answers = await asyncio.gather(*(client.open() for client in clients), return_exceptions=True)
        left_s = limit_s - (time.monotonic_ns() - started) / 1e9
        if not any(client.recovered for client in clients):
            left_s = min(left_s, HOPELESS_S)
        state = await self.caught_up(emitted, max(0.0, left_s), first, count)
        return {
            "seconds": (max(state["last_at_ns"], started) - started) / 1e9,
            "behind": state["behind"],
            "recovered": sum(client.recovered for client in clients),
            "refused": sum(isinstance(answer, BaseException) for answer in answers),
            **faults(clients, emitted),
        }

    async def pause(self, first: int, count: int) -> dict[str, Any]:
        """Have these clients read nothing."""
        for client in self._clients[first : first + count]:
            client.pause()
        return {}

    async def resume(self, first: int, count: int) -> dict[str, Any]:
        """Have these clients read again."""
        for client in self._clients[first : first + count]:
            client.resume()
        return {}

    async def close(self) -> dict[str, Any]:
        """End all links and forget all clients."""
        for client in self._clients:
            client.cut()
        self._clients.clear()
        if self._credits is not None:
            self._credits.close()
            self._credits = None
        return {}


async def _all(clients: list[Client], act: Callable[[Client], Any]) -> None:
    """Act on all, so many at once. Raises the first fault."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(client: Client) -> None:
        async with gate:
            await act(client)

    await asyncio.gather(*(one(client) for client in clients))
