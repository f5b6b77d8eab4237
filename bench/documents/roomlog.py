"""Roomlog's own figures: two nodes, a worker, Valkey and PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import orjson

from app.settings import Settings
from archive.database import open_pool
from archive.store import Archive
from archive.yjs import read
from bench.documents.cost import Cost, Gauge
from bench.documents.editing import Metered, visits
from bench.documents.steps import BACK, CLIENTS, EDIT, FIRST, FOLD, Figure
from bench.documents.trace import Part, Trace
from bench.program import Program
from bench.targets.base import Place
from bench.targets.roomlog import Roomlog, token
from cli.demo.editors import UPDATE, CurrentEditor, StockEditor
from streams.append import Appender, NewEntry
from streams.document_change import FIRST_EPOCH, DocumentChange
from streams.entry import Position
from streams.keys import Keys
from streams.link import Link

BATCH = 500
ROOM_CAP = 250_000
POLL_S = 0.05
USER = "alice"
FOLDED = (
    "folded from the log, and verified; what taking them in costs is in the next table, for those of Node in this one"
)
AT_ONCE = 16
SETTINGS = {
    "ROOM_CAP": str(ROOM_CAP),
    "DOCUMENT_UPDATES_S": "100000",
    "DOCUMENT_UPDATE_BYTES_S": str(1 << 30),
}
"""A backlog of so many updates, and one socket that may say all that it can."""


class OnRoomlog:
    """A note on a running target."""

    def __init__(
        self, programs: Sequence[Program], redis: Program, place: Place, database: str, document_id: str
    ) -> None:
        self._worker = next(program for program in programs if program.role == "worker")
        self._gauge = Gauge((*programs, redis), place.postgres.pid)
        self._url = next(f"http://127.0.0.1:{program.port}" for program in programs if program.role == "node")
        self._redis_url = place.redis_url
        self._database_url = place.postgres.url_of(database)
        self._document_id = document_id

    def current(self) -> Metered:
        return Metered(CurrentEditor(self._document_id, USER, token(USER), [self._url]))

    def stock(self) -> Metered:
        return Metered(StockEditor(self._document_id, USER, token(USER), [self._url]))

    async def fold(self, part: Part) -> Cost:
        """Append a backlog while the worker stands still; then what it costs the worker to fold it."""
        async with self.current().online():
            pass  # the document has its epoch now
        os.kill(self._worker.pid, signal.SIGSTOP)
        head = await self.append(part.updates)
        async with self._gauge.window() as measured:
            os.kill(self._worker.pid, signal.SIGCONT)
            await self._folded(head)
        return measured.cost(times=1)

    async def append(self, updates: Sequence[bytes]) -> Position:
        """Append updates as nodes do; returns where the last one is."""
        last = Position.ZERO
        async with self._appending() as appender:
            for at in range(0, len(updates), BATCH):
                batch = [appender.append(self._entry(update)) for update in updates[at : at + BATCH]]
                last = (await asyncio.gather(*batch))[-1].position
        return last

    def _entry(self, update: bytes) -> NewEntry:
        found = read(update)
        body = {"document_id": self._document_id, "user_id": USER, "socket_id": "bench"}
        data = orjson.dumps(body | {"update": {"_placeholder": True, "num": 0}})
        change = DocumentChange(FIRST_EPOCH, found.spans, found.needs)
        return NewEntry(f"doc_{self._document_id}", UPDATE, data, binary=update, change=change)

    @asynccontextmanager
    async def _appending(self) -> AsyncIterator[Appender]:
        link = Link(self._redis_url, Keys(Settings.model_fields["redis_key_prefix"].default))
        appender = Appender(link, room_cap=ROOM_CAP, log_length=100_000)
        running = asyncio.create_task(appender.run())
        try:
            yield appender
        finally:
            await appender.drain()
            await running
            await link.aclose()

    async def _folded(self, head: Position) -> None:
        async with open_pool(self._database_url, max_size=1) as pool:
            archive = Archive(pool)
            while True:
                found = await archive.documents.stored(self._document_id)
                if found is not None and found.position >= head:
                    return
                await asyncio.sleep(POLL_S)

    async def visits(self, clients: Sequence[Metered], text: str) -> Cost:
        """Clients come and go, one after the other."""
        return await visits(self._gauge, clients, text)

    async def edits(self, updates: list[bytes]) -> Cost:
        """Updates through one socket, each acknowledged."""
        client = self.current()
        async with client.online():
            epoch = client.editor.epoch if isinstance(client.editor, CurrentEditor) else None

            def body(update: bytes) -> dict[str, object]:
                return {"document_id": self._document_id, "user_id": USER, "update": update, "epoch": epoch}

            async with self._gauge.window() as measured:
                await client.say(updates, body, AT_ONCE)
        return measured.cost(times=len(updates))


async def roomlog(place: Place, redis: Program, trace: Trace) -> list[Figure]:
    """All steps. The same note for both versions of the protocol."""
    database = place.postgres.create()
    running = await Roomlog(settings=SETTINGS).start_on(place, database)
    try:
        note = OnRoomlog(running.programs, redis, place, database, await _note(running.programs))
        figures = [Figure(FOLD, "Roomlog", await note.fold(trace.old), FOLDED)]
        return figures + await _visits(note, trace)
    finally:
        await running.stop()


async def _visits(note: OnRoomlog, trace: Trace) -> list[Figure]:
    ours, others, stock = ([make() for _ in range(CLIENTS)] for make in (note.current, note.current, note.stock))
    first = Figure(FIRST, "Roomlog, version 2", await note.visits(ours, trace.old.text))
    await note.visits(others, trace.old.text)
    first_stock = Figure(FIRST, "Roomlog, stock page", await note.visits(stock, trace.old.text))
    await note.append(trace.missed.updates)
    by_position = await note.visits(ours, trace.missed.text)
    for client in others:
        assert isinstance(client.editor, CurrentEditor)
        client.editor.position = None
    by_vector = await note.visits(others, trace.missed.text)
    by_stock = await note.visits(stock, trace.missed.text)
    modes = [_modes(ours), _modes(others)]
    edits = await note.edits(trace.live.updates)
    return [
        first,
        first_stock,
        Figure(BACK, "Roomlog, by position", by_position, modes[0]),
        Figure(BACK, "Roomlog, by state vector", by_vector, modes[1]),
        Figure(BACK, "Roomlog, stock page", by_stock),
        Figure(EDIT, "Roomlog, version 2", edits, "each acknowledged when it is in the log"),
    ]


def _modes(clients: Sequence[Metered]) -> str:
    """How the server answered to the last joins."""
    found = {c.editor.modes[-1] for c in clients if isinstance(c.editor, CurrentEditor)}
    return "answered: " + ", ".join(sorted(found))


async def _note(programs: Sequence[Program]) -> str:
    port = next(program.port for program in programs if program.role == "node")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {token(USER)}"}
        answer = await client.post("/api/v1/notes/create", json={"title": "A long note"}, headers=headers)
        answer.raise_for_status()
        return f"note:{answer.json()['id']}"
