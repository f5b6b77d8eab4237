"""Open WebUI's way, served: the stock page against `bench.peers.ints`."""

from __future__ import annotations

import sys

from bench.documents.cost import Cost, Gauge
from bench.documents.editing import Metered, visits
from bench.documents.steps import BACK, CLIENTS, EDIT, FIRST, FOLD, Figure
from bench.documents.trace import Part, Trace
from bench.program import Program, free_port
from bench.targets.base import Place
from cli.demo.editors import UPDATE, StockEditor

NAME = "Open WebUI's way"
DOCUMENT = "note:bench"
USER = "alice"
PACED = 500
BACKLOG_S = 240.0
EDITED = f"{PACED} of them; not acknowledged; sent to a reader; squashed at every 250th"


class OnInts:
    """A document on a running peer."""

    def __init__(self, node: Program, redis: Program) -> None:
        self._gauge = Gauge([node, redis])
        self._url = f"http://127.0.0.1:{node.port}"

    def page(self) -> Metered:
        return Metered(StockEditor(DOCUMENT, USER, "", [self._url]))

    async def backlog(self, part: Part) -> Cost:
        """Have the server keep a part of the history, at once."""
        page = self.page()
        async with page.online(), self._gauge.window() as measured:
            body = {"document_id": DOCUMENT, "file": str(part.file), "from": part.start, "to": part.stop}
            await page.editor.client.call("bench:backlog", body, timeout=BACKLOG_S)
        return measured.cost(times=1)

    async def visits(self, pages: list[Metered], text: str) -> Cost:
        return await visits(self._gauge, pages, text)

    async def edits(self, updates: list[bytes]) -> Cost:
        """Updates through one socket, each when the one before has reached somebody else: those that wait for the lock
        of a document look for it ten times a second, and more at once would take minutes."""
        page, other = self.page(), self.page()
        async with page.online(), other.online(), self._gauge.window() as measured:
            for update in updates:
                before = other.meter.received
                await page.editor.client.emit(UPDATE, {"document_id": DOCUMENT, "update": list(update)})
                await other.meter.more_than(before)
        return measured.cost(times=len(updates))


async def open_webui(place: Place, redis: Program, trace: Trace) -> list[Figure]:
    """All steps. One node, for which everything is cheapest."""
    port = free_port()
    env = {"PORT": str(port), "REDIS_URL": place.redis_url}
    node = Program("node", (sys.executable, "-m", "bench.peers.ints"), place.folder / "node.log", env, port)
    try:
        await node.start()
        await node.until_listening()
        return await _steps(OnInts(node, redis), trace)
    finally:
        await node.stop()


async def _steps(peer: OnInts, trace: Trace) -> list[Figure]:
    fold = await peer.backlog(trace.old)
    pages = [peer.page() for _ in range(CLIENTS)]
    first = await peer.visits(pages, trace.old.text)
    await peer.backlog(trace.missed)
    back = await peer.visits(pages, trace.missed.text)
    return [
        Figure(FOLD, NAME, fold, "squashed 250 at a time; without taking them in, too"),
        Figure(FIRST, NAME, first),
        Figure(BACK, NAME, back),
        Figure(EDIT, NAME, await peer.edits(trace.live.updates[:PACED]), EDITED),
    ]
