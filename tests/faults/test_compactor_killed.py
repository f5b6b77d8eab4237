"""Real workers that fold a document and are killed, suspended or cut off at chosen points. No character is missing.

Nobody is connected in any of these tests: the last editor has left while the fold is pending.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.documents.snapshots import Snapshots
from archive import Archive
from archive.documents import StoredDocument
from streams.append import Appender
from streams.documents import DocumentLog, FoldDue
from streams.entry import Position
from streams.errors import DocumentUnknown
from streams.keys import Keys
from streams.link import Client, Link
from streams.replay import Reader
from tests.support.documents import DOCUMENT, ROOM, Editor, entry_of, poison, text_of
from tests.support.nodes import DEADLINE_S, Fleet, Process, eventually
from tests.support.postgres import Postgres
from tests.support.proxy import proxy_to
from tests.support.stalls import away, held, worker_waits
from tests.support.valkey import ValkeyServer, running_appender

FAST: dict[str, Any] = {
    "claim_after_s": 1,
    "sweep_interval_s": 0.5,
    "document_fold_quiet_ms": 0,
    "document_fold_longest_ms": 0,
}
NOW = FoldDue(quiet_ms=0, longest_ms=0)


@dataclass
class Typist:
    """Somebody whose updates go straight into the log, and what becomes of them."""

    link: Link
    client: Client
    archive: Archive
    appender: Appender
    editor: Editor = field(default_factory=Editor)

    async def type(self, text: str) -> Position:
        return await self.push(self.editor.type(text))

    async def push(self, update: bytes, user: str = "alice") -> Position:
        """Append it, to a document that is opened as a node opens it."""
        log = DocumentLog(self.link, self.client, NOW)
        while True:
            try:
                return (await self.appender.append(entry_of(update, user))).position
            except DocumentUnknown:
                await Snapshots(self.archive, Reader(self.link, self.client), log).opened("n")

    async def stored(self) -> StoredDocument:
        return await self.archive.documents.stored(DOCUMENT) or StoredDocument(DOCUMENT)

    async def folded(self, position: Position) -> StoredDocument:
        """Wait until SQL has the document up to the position; returns it."""

        async def there() -> StoredDocument | None:
            found = await self.stored()
            return found if found.position >= position else None

        found: StoredDocument = await eventually(there, DEADLINE_S)
        return found

    async def is_held(self) -> bool:
        return bool(await self.client.hexists(self.link.keys.documents_held, ROOM))

    async def rests(self) -> None:
        """Wait until nobody holds the document and it is not due."""

        async def idle() -> bool:
            return not await self.client.zcard(self.link.keys.documents_due) and not await self.is_held()

        await eventually(idle, DEADLINE_S)


@asynccontextmanager
async def typing(link: Link, archive: Archive) -> AsyncIterator[Typist]:
    async with running_appender(link, fold_due=NOW) as appender:
        yield Typist(link, link.client(), archive, appender)


@pytest.fixture
async def typist(link: Link, archive: Archive) -> AsyncIterator[Typist]:
    async with typing(link, archive) as made:
        yield made


def sandboxes(worker: Process) -> list[psutil.Process]:
    assert worker.process is not None
    return psutil.Process(worker.process.pid).children()


async def test_killed_between_claim_and_read_it_is_folded_by_another(
    fleet: Fleet, database_url: str, typist: Typist
) -> None:
    position = await typist.type("kept")
    async with held(database_url, "documents", reads=True):
        worker = fleet.worker(**FAST)
        await worker_waits(database_url)
        assert await typist.is_held()
        worker.kill()
    fleet.worker(**FAST)
    assert text_of((await typist.folded(position)).state) == "kept"
    await typist.rests()


async def test_killed_while_its_sandbox_works_it_is_folded_by_another_and_the_sandbox_ends(
    fleet: Fleet, typist: Typist
) -> None:
    worker = fleet.worker(**FAST)
    await typist.folded(await typist.type("warm "))
    await typist.rests()
    children = sandboxes(worker)
    assert children
    for child in children:
        child.suspend()
    position = await typist.type("kept")
    await eventually(typist.is_held, DEADLINE_S)
    worker.kill()
    for child in children:
        child.resume()
    assert not psutil.wait_procs(children, DEADLINE_S)[1]
    assert (await typist.stored()).position < position
    fleet.worker(**FAST)
    assert text_of((await typist.folded(position)).state) == "warm kept"


async def test_killed_before_the_commit_nothing_is_missing(fleet: Fleet, database_url: str, typist: Typist) -> None:
    async with held(database_url, "document_history"):
        worker = fleet.worker(**FAST)
        position = await typist.type("kept")
        await worker_waits(database_url)
        worker.kill()
    assert not (await typist.stored()).exists
    fleet.worker(**FAST)
    assert text_of((await typist.folded(position)).state) == "kept"
    await typist.rests()


async def test_killed_between_commit_and_finish_nothing_is_folded_twice(
    fleet: Fleet, valkey: ValkeyServer, database_url: str, typist: Typist
) -> None:
    async with proxy_to(valkey.port) as proxy:
        cut_off = replace(fleet, redis_url=f"redis://127.0.0.1:{proxy.port}")
        async with held(database_url, "document_history"):
            worker = cut_off.worker(**FAST)
            position = await typist.type("once")
            await worker_waits(database_url)
            proxy.silent = True
        first = await typist.folded(position)
        assert await typist.is_held()
        worker.kill()
    fleet.worker(**FAST)
    await typist.rests()
    assert await typist.stored() == first
    assert (text_of(first.state), first.number) == ("once", 1)


async def test_killed_between_finish_and_trim_another_trims_what_sql_has(fleet: Fleet, typist: Typist) -> None:
    worker = fleet.worker(**FAST, retention_s=1)
    position = await typist.type("kept")
    await typist.folded(position)
    worker.kill()
    fleet.worker(**FAST, retention_s=1)

    async def trimmed() -> bool:
        return not await typist.client.exists(typist.link.keys.room(ROOM))

    await eventually(trimmed, DEADLINE_S)
    assert text_of((await typist.stored()).state) == "kept"
    position = await typist.type(" on")
    assert text_of((await typist.folded(position)).state) == "kept on"


async def test_workers_killed_again_and_again_lose_no_character(fleet: Fleet, typist: Typist) -> None:
    workers = [fleet.worker(**FAST), fleet.worker(**FAST)]
    position = Position.ZERO
    for number in range(60):
        position = await typist.type(f"{number},")
        if number % 20 == 10:
            await typist.folded(position)  # both are at work, so the kill hits something
            workers[number // 20 % 2].kill()
            workers.append(fleet.worker(**FAST))
    assert text_of((await typist.folded(position)).state) == "".join(f"{number}," for number in range(60))
    await typist.rests()


async def test_a_worker_that_was_suspended_does_not_store_over_another(
    fleet: Fleet, database_url: str, typist: Typist
) -> None:
    async with held(database_url, "document_history"):
        suspended = fleet.worker(**FAST)
        await typist.type("a")
        await worker_waits(database_url)
        assert suspended.process is not None
        suspended.process.send_signal(signal.SIGSTOP)
        fleet.worker(**FAST)
        position = await typist.type("b")
    suspended.process.send_signal(signal.SIGCONT)
    assert text_of((await typist.folded(position)).state) == "ab"
    await typist.rests()


async def test_without_the_database_updates_wait_in_the_log(
    fleet: Fleet, postgres: Postgres, database_url: str, typist: Typist
) -> None:
    fleet.worker(**FAST)
    fleet.worker(**FAST)
    await typist.folded(await typist.type("before;"))
    with away(postgres, database_url):
        await typist.type("during;")
        await eventually(typist.is_held, DEADLINE_S)
    position = await typist.type("after;")
    assert text_of((await typist.folded(position)).state) == "before;during;after;"
    await typist.rests()


async def test_poison_ends_no_worker_and_the_document_goes_on(fleet: Fleet, typist: Typist) -> None:
    worker = fleet.worker(**FAST)
    await typist.type("a")
    at = await typist.push(poison(client=9, parent=1), user="mallory")
    position = await typist.type("b")
    assert text_of((await typist.folded(position)).state) == "ab"
    (culprit,) = await typist.archive.documents.quarantined(DOCUMENT)
    assert (culprit.position, culprit.user_id) == (at, "mallory")
    assert worker.process is not None
    assert worker.process.poll() is None


async def test_the_log_restarts_from_its_file_and_the_document_goes_on(
    own_fleet: Fleet, own_valkey: ValkeyServer, archive: Archive
) -> None:
    own_fleet.worker(**FAST)
    link = Link(own_valkey.url, Keys(own_fleet.key_prefix))
    async with typing(link, archive) as typist:
        await typist.folded(await typist.type("folded;"))
        await typist.type("before;")
        own_valkey.kill()
        waiting = asyncio.create_task(typist.type("after;"))
        own_valkey.start()
        assert text_of((await typist.folded(await waiting)).state) == "folded;before;after;"
    await link.aclose()


async def test_an_emptied_log_goes_on_from_what_sql_and_the_editors_have(
    own_fleet: Fleet, own_valkey: ValkeyServer, archive: Archive
) -> None:
    own_fleet.worker(**FAST)
    link = Link(own_valkey.url, Keys(own_fleet.key_prefix))
    async with typing(link, archive) as typist:
        before = await typist.folded(await typist.type("stored;"))
        own_valkey.client().flushall()
        position = await typist.type("after;")
        assert position > before.position
        found = await typist.folded(position)
        assert (text_of(found.state), found.epoch) == ("stored;after;", before.epoch)
    await link.aclose()


async def test_a_log_from_an_old_backup_goes_on_from_the_newer_state_in_sql(
    own_fleet: Fleet, own_valkey: ValkeyServer, archive: Archive, tmp_path: Path
) -> None:
    own_fleet.worker(**FAST)
    link = Link(own_valkey.url, Keys(own_fleet.key_prefix))
    async with typing(link, archive) as typist:
        await typist.folded(await typist.type("one;"))
        await typist.rests()
        shutil.copytree(own_valkey.folder, backup := tmp_path / "backup")
        newer = await typist.folded(await typist.type("two;"))
        await typist.rests()
        own_valkey.kill()
        shutil.rmtree(own_valkey.folder)
        shutil.copytree(backup, own_valkey.folder)
        own_valkey.start()
        position = await typist.type("three;")
        assert position > newer.position
        assert text_of((await typist.folded(position)).state) == "one;two;three;"
    await link.aclose()
