"""What a node reports of itself to the others: how far it has obeyed, and how it is."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from app import __version__, metrics
from registry.nodes import NodeFacts
from streams.errors import LogUnavailable

if TYPE_CHECKING:
    from app.node import Node

log = logging.getLogger("roomlog.node")

LOOK_S = 0.9
"""Counting again what all sessions wait for is worth it once a second; orders make a node report more often."""


class SelfReport:
    """Looks at the node and its process, at most once in LOOK_S.

    sent_at: when the newest was sent, by the monotonic clock. full: the server had no memory for more then.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._process = psutil.Process()
        self._started_ms = int(time.time() * 1000)
        self._looked_at = -LOOK_S
        self._last = NodeFacts()
        self.sent_at = -math.inf
        self.full = False
        self._unheard = False

    async def send(self) -> None:
        """Report the node to the others. Raises LogUnavailable."""
        node = self._node
        obeyed = min([node.hub.position, *node.repair.begun_at, *node.orders.unfinished])
        full = not await node.nodes.report(node.name, obeyed, self.facts())
        self.sent_at = time.monotonic()
        if full and not self.full:
            log.warning("the log's server has no memory left, and refuses appends: raise its maxmemory")
        elif self.full and not full:
            log.info("the log's server takes appends again")
        self.full = full

    async def try_to_send(self) -> None:
        """The same, when there will be another. That it fails is said once, and that it does again."""
        try:
            await self.send()
        except LogUnavailable as fault:
            log.log(logging.DEBUG if self._unheard else logging.WARNING, "this node cannot report itself: %s", fault)
            self._unheard = True
        else:
            if self._unheard:
                log.warning("this node reports itself again: the log answers")
            self._unheard = False

    def facts(self) -> NodeFacts:
        """The newest; what it costs nothing to tell is of this moment."""
        now, node = time.monotonic(), self._node
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            try:
                self._last = self._look()
            except (OSError, psutil.Error) as fault:  # that takes a file descriptor: there may be none left
                log.warning("this node cannot look at its own process: %s", fault)
        return replace(self._last, connections=len(node.sessions.by_sid), draining=node.health.leaving)

    def _look(self) -> NodeFacts:
        node, process = self._node, self._process
        sessions = node.sessions.by_sid.values()
        cpu = process.cpu_times()
        return NodeFacts(
            version=__version__,
            started_ms=self._started_ms,
            pid=process.pid,
            rooms=len(node.hub.wanted),
            waiting_clients=metrics.total(metrics.WAITING),
            slow_clients=sum(session.feed.slow for session in sessions),
            send_backlog_bytes=sum(sum(session.waiting) for session in sessions),
            tail_age_s=round(node.tail_age_s, 3),
            rss_bytes=process.memory_info().rss,
            cpu_s=round(cpu.user + cpu.system, 2),
            delivered=metrics.total(metrics.DELIVERED),
            replayed=metrics.total(metrics.REPLAYED),
            errors=self._errors(),
        )

    @staticmethod
    def _errors() -> int:
        """Appends, tokens and packets that were refused."""
        refused = metrics.total(metrics.REFUSED) + metrics.total(metrics.BAD_INPUT)
        return refused + metrics.total(metrics.APPENDS, "appended", "repeated")
