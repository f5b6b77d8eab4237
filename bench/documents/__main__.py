"""`python -m bench.documents` prints one JSON object. Two nodes, a worker, Valkey and PostgreSQL, on this machine."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import aiohttp
import orjson
import psutil
from pycrdt import Doc

from app.settings import Settings
from archive.database import open_pool
from archive.store import Archive
from archive.yjs import read
from bench.documents.history import history
from cli.demo.calls import Calls
from cli.demo.editors import UPDATE, CurrentEditor, Editor, StockEditor
from cli.demo.stage import QuietChild, Stage, stage
from cli.demo.waiting import until
from streams.append import Appender, NewEntry
from streams.documents import FIRST_EPOCH, DocumentChange
from streams.entry import Position
from streams.keys import Keys
from streams.link import Link

UPDATES = 100_000
MISSED = 200
BATCH = 500
ROOM_CAP = 250_000
POLL_S = 0.05
USER = "alice"
SEED = 1


class Meter:
    """Counts what a client's link carries to it, as the application sees it: without frames' heads, not compressed."""

    def __init__(self, editor: Editor) -> None:
        self.bytes = 0
        inner = editor.client._handle_eio_message

        async def handle(data: str | bytes) -> None:
            self.bytes += len(data)
            await inner(data)

        editor.client.eio.on("message", handle)


def cpu_s(child: QuietChild) -> float:
    """CPU of a program and of what it started."""
    assert child.process is not None
    process = psutil.Process(child.process.pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


async def append(appender: Appender, room: str, updates: Sequence[bytes]) -> Position:
    """Append updates as nodes do; returns where the last one is."""
    body = {"document_id": room.removeprefix("doc_"), "user_id": USER, "socket_id": "bench"}
    data = orjson.dumps(body | {"update": {"_placeholder": True, "num": 0}})

    def entry(update: bytes) -> NewEntry:
        found = read(update)
        change = DocumentChange(FIRST_EPOCH, found.spans, found.needs)
        return NewEntry(room, UPDATE, data, binary=update, change=change)

    last = Position.ZERO
    for at in range(0, len(updates), BATCH):
        batch = [appender.append(entry(update)) for update in updates[at : at + BATCH]]
        last = (await asyncio.gather(*batch))[-1].position
    return last


@asynccontextmanager
async def appending(here: Stage) -> AsyncIterator[Appender]:
    link = Link(here.redis_url, Keys(Settings.model_fields["redis_key_prefix"].default))
    appender = Appender(link, room_cap=ROOM_CAP, log_length=100_000)
    running = asyncio.create_task(appender.run())
    try:
        yield appender
    finally:
        await appender.drain()
        await running
        await link.aclose()


async def folded(here: Stage, document_id: str, head: Position) -> None:
    async with open_pool(here.database_url, max_size=1) as pool:
        archive = Archive(pool)
        while True:
            found = await archive.documents.stored(document_id)
            if found is not None and found.position >= head:
                return
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def online(editor: Editor) -> AsyncIterator[None]:
    task = asyncio.create_task(editor.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def joined(here: Stage, editor: Editor, meter: Meter, ready: Any) -> dict[str, float]:
    """Come (back), and return what it took: bytes to the client, CPU of both nodes in ms, and time."""
    before = sum(map(cpu_s, here.nodes)), meter.bytes
    began = time.perf_counter()
    async with online(editor):
        await until(ready)
        took = time.perf_counter() - began
    cpu = sum(map(cpu_s, here.nodes)) - before[0]
    return {"bytes": meter.bytes - before[1], "cpu_ms": round(cpu * 1000), "ms": round(took * 1000)}


def open_webui(updates: Sequence[bytes]) -> dict[str, float]:
    """What its backend does at every join: squashed state and the last 500 updates through a Doc, sent as integers."""
    older: Doc[Any] = Doc()
    for update in updates[:-500]:
        older.apply_update(update)
    squashed = older.get_update()
    began = time.process_time()
    doc: Doc[Any] = Doc()
    for update in (squashed, *updates[-500:]):
        doc.apply_update(update)
    sent = orjson.dumps({"document_id": "note:1", "state": list(doc.get_update())})
    return {"bytes": len(sent), "cpu_ms": round((time.process_time() - began) * 1000)}


async def measure(here: Stage, client: aiohttp.ClientSession, appender: Appender) -> dict[str, Any]:
    calls = Calls(here.urls, client)
    token = here.token(USER)
    note = await calls.post("/api/v1/notes/create", token, {"title": "A long note"}, "bench")
    document_id = f"note:{note['id']}"
    room = f"doc_{document_id}"
    made = list(itertools.islice(history(Random(SEED)), UPDATES + MISSED))
    old, missed = made[:UPDATES], made[UPDATES:]
    figures: dict[str, Any] = {"updates": UPDATES, "updates_bytes": sum(map(len, old))}
    first = CurrentEditor(document_id, USER, token, here.urls[:1])
    async with online(first):
        await first.joined.wait()
    assert here.worker.process is not None
    here.worker.process.send_signal(signal.SIGSTOP)
    head = await append(appender, room, old)
    before = cpu_s(here.worker)
    began = time.perf_counter()
    here.worker.process.send_signal(signal.SIGCONT)
    await folded(here, document_id, head)
    figures["fold"] = {"cpu_s": round(cpu_s(here.worker) - before, 2), "s": round(time.perf_counter() - began, 2)}
    editor = CurrentEditor(document_id, USER, token, here.urls[:1])
    meter = Meter(editor)
    figures["join, version 2"] = await joined(here, editor, meter, editor.joined.is_set)
    stock = StockEditor(document_id, USER, token, here.urls[:1])
    figures["join, stock page"] = await joined(here, stock, Meter(stock), lambda: stock.synced)
    await append(appender, room, missed)
    figures["back by position"] = await joined(here, editor, meter, editor.joined.is_set)
    editor.position = None
    figures["back by state vector"] = await joined(here, editor, meter, editor.joined.is_set)
    figures["modes"] = editor.modes
    figures["Open WebUI's way, every join"] = open_webui(made)
    return figures


async def main() -> None:
    settings = {"ROOM_CAP": str(ROOM_CAP)}
    async with stage(settings) as here, aiohttp.ClientSession() as client, appending(here) as appender:
        print(json.dumps(await measure(here, client, appender), indent=2))


if __name__ == "__main__":
    asyncio.run(main())
