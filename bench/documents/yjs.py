"""The peers of Node: Hocuspocus and y-websocket's server, each with the provider that comes with it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.documents.cost import Cost, Gauge, Traffic
from bench.documents.editing import NotTheSame
from bench.documents.steps import BACK, CLIENTS, EDIT, FIRST, FOLD, Figure
from bench.documents.trace import Part, Trace
from bench.program import Program, free_port
from bench.remote import Remote
from bench.targets.base import Place
from bench.targets.peers import PEERS, node_binary
from cli.demo.paper import Paper

FOLDER = PEERS / "node"
WRITER = "writer"
POLL_S = 0.2
STORED_S = 60.0


@dataclass(frozen=True, slots=True)
class YjsPeer:
    """kind: of the provider, see editors.mjs. stores: it keeps documents in the SQLite file it is told. fold, edit:
    what is to be known about those figures."""

    name: str
    kind: str
    script: str
    stores: bool
    fold: str
    edit: str

    async def __call__(self, place: Place, _redis: Program, trace: Trace) -> list[Figure]:
        """All steps. One node, without Redis: for which everything is cheapest."""
        port, file = free_port(), place.folder / "documents.sqlite"
        env = {"PORT": str(port), "HOST": "127.0.0.1", "FILE": str(file)}
        node = Program("node", (node_binary(), str(FOLDER / self.script)), place.folder / "node.log", env, port)
        editors = Remote("editors", {}, (node_binary(), str(FOLDER / "editors.mjs")))
        try:
            await node.start()
            await node.until_listening()
            await editors.start()
            return await _steps(self, OnYjs(self, node, editors, file), trace)
        finally:
            await editors.stop()
            await node.stop()


class OnYjs:
    """A document on a running peer."""

    def __init__(self, peer: YjsPeer, node: Program, editors: Remote, file: Path) -> None:
        self._peer = peer
        self._editors = editors
        self._file = file
        self._gauge = Gauge([node], clients=[editors.pid])
        self._link = {"kind": peer.kind, "url": f"ws://127.0.0.1:{node.port}"}

    async def enter(self, name: str) -> None:
        """An editor that stays."""
        await self._editors.ask("join", name=name, **self._link)

    async def leave(self, name: str) -> None:
        await self._editors.ask("leave", name=name)

    async def take(self, part: Part) -> Cost:
        """Updates through the writer's socket, until the server has stored them, or, where it does not, has them."""
        async with self._gauge.window() as measured:
            await self._type(part)
            if self._peer.stores:
                await self._stored(part.text)
        return measured.cost(times=1)

    async def edits(self, part: Part) -> Cost:
        """Of one update through the writer's socket, until the server has it."""
        async with self._gauge.window() as measured:
            await self._type(part)
        return measured.cost(times=part.stop - part.start)

    async def _type(self, part: Part) -> None:
        await self._editors.ask("type", name=WRITER, file=str(part.file), **{"from": part.start, "to": part.stop})

    async def _stored(self, text: str) -> None:
        async with asyncio.timeout(STORED_S):
            while await asyncio.to_thread(self._kept) != text:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(POLL_S)

    def _kept(self) -> str:
        """The text of what is stored."""
        link = sqlite3.connect(self._file)
        try:
            row = link.execute("SELECT data FROM documents").fetchone()
        finally:
            link.close()
        paper = Paper(lambda _update: None)
        if row is not None:
            paper.apply(row[0])
        return paper.text

    async def visits(self, command: str, names: Sequence[str], text: str) -> Cost:
        """Editors come (`join`) or come back (`back`), and go, one after the other. Raises NotTheSame."""
        async with self._gauge.window() as measured:
            for name in names:
                more: Mapping[str, Any] = self._link if command == "join" else {}
                answer = await self._editors.ask(command, name=name, **more)
                if answer["text"] != text:
                    raise NotTheSame(self._peer.name)
                measured.traffics.append(Traffic(answer["received"], answer["sent"], answer["ms"]))
                await self.leave(name)
        return measured.cost()


async def _steps(peer: YjsPeer, document: OnYjs, trace: Trace) -> list[Figure]:
    """The writer stays, so that the document is in the server's memory when others come; but for the last ones."""
    names = [f"editor {number}" for number in range(CLIENTS)]
    await document.enter(WRITER)
    figures = [
        Figure(FOLD, peer.name, await document.take(trace.old), peer.fold),
        Figure(FIRST, peer.name, await document.visits("join", names, trace.old.text), "the document is in memory"),
    ]
    await document.take(trace.missed)
    back = Figure(BACK, peer.name, await document.visits("back", names, trace.missed.text), "the document is in memory")
    figures.append(back)
    if peer.stores:
        figures += await _cold(peer, document, names, trace)
    return [*figures, Figure(EDIT, peer.name, await document.edits(trace.live), peer.edit)]


async def _cold(peer: YjsPeer, document: OnYjs, names: Sequence[str], trace: Trace) -> list[Figure]:
    """Nobody is there, and each editor in its turn has the document loaded."""
    await document.leave(WRITER)
    fresh = [f"later {name}" for name in names]
    first = await document.visits("join", fresh, trace.missed.text)
    await document.enter(WRITER)
    return [Figure(FIRST, f"{peer.name}, nobody there", first, "the document is loaded, and stored when they go")]


HOCUSPOCUS = YjsPeer(
    "Hocuspocus",
    "hocuspocus",
    "hocuspocus.mjs",
    stores=True,
    fold="each taken in through a socket; the whole state stored 2 s after the last, 10 s after the first",
    edit="each acknowledged when it is in memory",
)
Y_WEBSOCKET = YjsPeer(
    "y-websocket",
    "y-websocket",
    "node_modules/@y/websocket-server/src/server.js",
    stores=False,
    fold="each taken in through a socket; **not stored**",
    edit="not acknowledged; in memory",
)
