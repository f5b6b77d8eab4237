"""Hostile updates through the sockets of a node with other editors at work: it lives, and they notice nothing.

`ROOMLOG_HOSTILE_UPDATES=100000 pytest -s tests/faults/test_documents_hostile.py -k barrage` is the whole of it, and
prints what it measured.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from pycrdt import Doc, Text

from archive import Archive
from archive.database import open_pool
from archive.documents import Quarantined, StoredDocument
from archive.yjs import decode_vector
from streams.entry import Position
from tests.contract.clients import Listener, calling
from tests.contract.test_notes import made, share
from tests.support import bombs
from tests.support.documents import poison
from tests.support.editors import Editor, editing
from tests.support.nodes import DEADLINE_S, ROOT, Api, Fleet, Process, eventually, token

UPDATES = int(os.environ.get("ROOMLOG_HOSTILE_UPDATES", "3000"))
SOCKETS = 8
OPEN: dict[str, Any] = {"document_updates_s": 1_000_000, "document_update_bytes_s": 1 << 30}
"""Rates of one socket that let a barrage through; else most of it is refused unread."""

PAUSE_S = 0.05
STORED_S = 60.0
GROWTH_BYTES = 150 << 20


@dataclass
class Witness:
    """Types into a note, takes in nothing of others', and measures. times_s: from its typing to others' being told."""

    writer: Listener
    listener: Listener
    note_id: str
    doc: Doc[Any] = field(default_factory=Doc)
    times_s: list[float] = field(default_factory=list)

    async def join(self) -> None:
        for each in (self.writer, self.listener):
            ack = await each.call("ydoc:document:join", {"document_id": f"note:{self.note_id}", "v": 2})
            assert "error" not in ack, ack

    async def type(self) -> str:
        """Returns the position."""
        before = self.doc.get_state()
        self.doc.get("witness", type=Text).insert(0, "w")
        update = self.doc.get_update(before)
        began = time.monotonic()
        ack = await self.writer.call("ydoc:document:update", {"document_id": f"note:{self.note_id}", "update": update})
        assert set(ack) == {"position"}, ack
        await eventually(lambda: any(bytes(said["update"]) == update for said in self._told()), DEADLINE_S)
        self.times_s.append(time.monotonic() - began)
        self.listener.got.clear()
        self.writer.got.clear()
        return str(ack["position"])

    def _told(self) -> list[Any]:
        return self.listener.of("ydoc:document:update")

    async def type_until(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.type()
            await asyncio.sleep(PAUSE_S)

    def figures(self) -> dict[str, float]:
        """In milliseconds; begins anew."""
        times, self.times_s = sorted(self.times_s), []
        at = {"p50": len(times) // 2, "p99": len(times) * 99 // 100}
        return {name: round(times[index] * 1000, 1) for name, index in at.items()} | {"edits": len(times)}


@asynccontextmanager
async def witness(node: Process, note_id: str) -> AsyncIterator[Witness]:
    async with Listener() as writer, Listener() as listener:
        for each in (writer, listener):
            await each.open(node.url, token("alice"), transports=["websocket"])
        made = Witness(writer, listener, note_id)
        await made.join()
        yield made


async def _memory(node: Process, over: asyncio.Event) -> list[int]:
    """The node's memory, again and again."""
    assert node.process is not None
    process, sizes = psutil.Process(node.process.pid), []
    while not over.is_set():
        sizes.append(process.memory_info().rss)
        await asyncio.sleep(PAUSE_S)
    return sizes


async def _barrage(node: Process, note_id: str, seed: int) -> Any:
    """Throw all of it at the node; returns what the barrage says."""
    arguments = ["-m", "tests.support.barrage", node.url, note_id, str(seed), str(UPDATES), str(SOCKETS)]
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    said, _ = await run.communicate()
    assert run.returncode == 0, node.text()[-5000:]
    return json.loads(said)


async def _typing(seconds: float, *witnesses: Witness) -> list[dict[str, float]]:
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, over.set)
    await asyncio.gather(*(one.type_until(over) for one in witnesses))
    return [one.figures() for one in witnesses]


@pytest.mark.timeout(1800)
async def test_a_barrage_is_refused_with_reasons_and_the_other_editors_notice_nothing(fleet: Fleet) -> None:
    node = await fleet.node(**OPEN)
    for _ in range(2):
        fleet.worker()
    async with calling(node.url) as api:
        theirs, other = (await made(api))["id"], (await made(api))["id"]
        await share(api, theirs, mallory="write")
        async with witness(node, theirs) as beside, witness(node, other) as apart:
            before = await _typing(2, beside, apart)
            over = asyncio.Event()
            typing = [asyncio.create_task(one.type_until(over)) for one in (beside, apart)]
            memory = asyncio.create_task(_memory(node, over))
            said = await _barrage(node, theirs, seed=7)
            over.set()
            await asyncio.gather(*typing)
            sizes = await memory
            during = [one.figures() for one in (beside, apart)]
            after = await _typing(2, beside, apart)
    assert node.process is not None
    assert node.process.poll() is None
    report = {"beside, apart, before": before, "during": during, "after": after, **said}
    json.dump(report | {"node MB": [sizes[0] >> 20, max(sizes) >> 20, sizes[-1] >> 20]}, sys.stdout, indent=1)
    assert said["wrong"] == []
    assert said["sent"] >= UPDATES
    assert sizes[-1] - sizes[0] < GROWTH_BYTES


async def _stored(fleet: Fleet, note_id: str, position: str) -> tuple[StoredDocument, list[Quarantined]]:
    """Wait until SQL has the document up to a position; returns it, and what is in quarantine."""
    async with open_pool(fleet.database_url, max_size=1) as pool:
        documents = Archive(pool).documents

        async def there() -> StoredDocument | None:
            found = await documents.stored(f"note:{note_id}")
            return found if found and found.position >= Position.parse(position) else None

        found: StoredDocument = await eventually(there, STORED_S)
        return found, list(await documents.quarantined(f"note:{note_id}"))


TRIES = 6
"""What reads memory that is not its own may end in any way: now and then the update is survived."""


async def test_an_update_that_kills_whoever_integrates_it_is_in_quarantine_with_its_sender_and_the_document_goes_on(
    fleet: Fleet,
) -> None:
    node = await fleet.node()
    workers = [fleet.worker(document_fold_quiet_ms=100) for _ in range(2)]
    deadly = bytes.fromhex(bombs.DEADLY[-1])
    async with calling(node.url) as api:
        for _ in range(TRIES):
            at, culprits = await _poisoned(fleet, node, api)
            if culprits:
                break
    assert [(str(one.position), one.user_id, one.update) for one in culprits] == [(at, "mallory", deadly)]
    assert culprits[0].session
    assert culprits[0].error.startswith(("SandboxDied: killed by SIG", "Refused: PanicException"))
    assert all(worker.process and worker.process.poll() is None for worker in workers)


async def _poisoned(fleet: Fleet, node: Process, api: Api) -> tuple[str, list[Quarantined]]:
    """A note that two edit, one of them with the deadly updates; the other's edits are all stored.

    Returns where the deadly one is in the log, and what is in quarantine.
    """
    note_id = (await made(api))["id"]
    await share(api, note_id, mallory="write")
    async with witness(node, note_id) as alice, Listener() as mallory:
        await mallory.open(node.url, token("mallory"), transports=["websocket"])
        said = {"document_id": f"note:{note_id}"}
        await mallory.call("ydoc:document:join", said | {"v": 2})
        *before, deadly = map(bytes.fromhex, bombs.DEADLY)
        for update in before:
            ack = await mallory.call("ydoc:document:update", said | {"update": update})
        await _stored(fleet, note_id, ack["position"])
        at = (await mallory.call("ydoc:document:update", said | {"update": deadly}))["position"]
        for _ in range(5):
            position = await alice.type()
        found, culprits = await _stored(fleet, note_id, position)
        assert decode_vector(found.vector).clock(alice.doc.client_id) == 5
    return at, culprits


async def test_a_deletion_is_kept_while_the_document_cannot_be_read(fleet: Fleet) -> None:
    """Somebody's update, until it is folded, makes no sense together with others'."""
    node = await fleet.node()
    async with calling(node.url) as api:
        note_id = (await made(api))["id"]
        async with editing(Editor, note_id, node.url) as alice, editing(Editor, note_id, node.url) as mallory:
            for each in (alice, mallory):
                await each.join()
            await alice.type("kept not")
            bad = poison(client=9, parent=alice.doc.client_id)
            mallory.handlers["/"].pop("ydoc:document:update")
            assert set(await mallory.call("ydoc:document:update", mallory.said(update=bad))) == {"position"}
            before = alice.doc.get_state()
            del alice.body[4:8]
            deletion = alice.doc.get_update(before)
            async with Listener() as again:
                await again.open(node.url, token(), transports=["websocket"])
                await again.call("ydoc:document:join", alice.said(v=2))
                ack = await again.call("ydoc:document:update", alice.said(update=deletion))
            assert set(ack) == {"position"}
