"""`roomlog documents` on real servers."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from archive import Archive
from archive.documents import FoldedDocument, Outcome, Quarantined, StoredDocument
from archive.yjs import read, vector_of
from cli.documents import app
from cli.errors import CommandError
from oversight.audit import Audit
from streams.append import Appender
from streams.document_change import FIRST_EPOCH
from streams.documents import DocumentLog, Opening
from streams.entry import Position
from streams.errors import OtherEpoch
from streams.link import Link
from streams.replay import Reader
from tests.support.documents import DOCUMENT, ROOM, Editor, entry_of
from tests.support.nodes import as_url
from tests.support.valkey import ValkeyServer


@pytest.fixture(autouse=True)
def settings(valkey: ValkeyServer, key_prefix: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setenv("REDIS_KEY_PREFIX", key_prefix)
    monkeypatch.setenv("DATABASE_URL", as_url(database_url))
    monkeypatch.setenv("COLUMNS", "200")


async def command(*arguments: str) -> Result:
    """Run it as the shell does, beside the test's loop."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))


async def succeeds(*arguments: str) -> str:
    result = await command(*arguments)
    assert result.exit_code == 0, result.output or result.exception
    return result.stdout


async def lines(*arguments: str) -> list[Any]:
    return [json.loads(line) for line in (await succeeds(*arguments, "--json")).splitlines()]


async def store(archive: Archive, state: bytes, position: Position, *quarantined: Quarantined) -> None:
    """Commit a state as a fold does."""
    before = await archive.documents.stored(DOCUMENT) or StoredDocument(DOCUMENT)
    vector = vector_of(read(state)).encoded()
    folded = FoldedDocument(before, FIRST_EPOCH, position, state, vector, "# Hello", quarantined=quarantined)
    assert await archive.documents.commit(folded) is Outcome.STORED


async def test_show_says_how_a_document_stands(archive: Archive, appender: Appender, link: Link) -> None:
    alice = Editor(1)
    first = alice.type("hello")
    await DocumentLog(link, link.client()).open(ROOM, Opening(FIRST_EPOCH, {}))
    folded = (await appender.append(entry_of(first))).position
    await store(archive, first, folded)
    newest = (await appender.append(entry_of(alice.type("!")))).position
    for name in ("note:n", "note_n", "doc_note:n"):
        (facts,) = await lines("show", name)
        expected = {"id": DOCUMENT, "history": "1", "version": 1, "clients": 1, "bytes": len(first)}
        assert facts.items() >= expected.items()
        assert (facts["folded_up_to"], facts["newest"]) == (str(folded), str(newest))
    assert await succeeds("show", "note:n", "--markdown") == "# Hello\n"
    assert str(folded) in await succeeds("show", "note:n")


@pytest.mark.parametrize("arguments", [["show", "note:none"], ["show", "chat:c"], ["restore", "note:none", "1"]])
async def test_what_is_not_there_is_one_line(arguments: list[str]) -> None:
    result = await command(*arguments)
    assert isinstance(result.exception, CommandError)
    assert arguments[1] in str(result.exception)


async def test_a_document_that_only_the_log_knows_is_shown(appender: Appender, link: Link) -> None:
    await DocumentLog(link, link.client()).open(ROOM, Opening(FIRST_EPOCH, {}))
    await appender.append(entry_of(Editor().type("a")))
    (facts,) = await lines("show", "note:n")
    assert (facts["version"], facts["folded_at"]) == (0, None)


async def test_history_lists_the_versions_and_is_bounded(archive: Archive) -> None:
    assert await succeeds("history", "note:n") == "no version of note:n is stored\n"
    alice = Editor()
    for number in range(1, 4):
        alice.type("x")
        await store(archive, alice.doc.get_update(), Position(number, 0))
    assert [version["number"] for version in await lines("history", "note:n")] == [3, 2, 1]
    assert [version["number"] for version in await lines("history", "note:n", "--limit", "2")] == [3, 2]
    assert (await command("history", "note:n", "--limit", "1001")).exit_code == 2


async def test_a_restored_version_begins_a_history_while_editors_write(
    archive: Archive, appender: Appender, link: Link
) -> None:
    documents = DocumentLog(link, link.client())
    await documents.open(ROOM, Opening(FIRST_EPOCH, {}))
    alice = Editor()
    good = alice.type("good")
    at = (await appender.append(entry_of(good))).position
    await store(archive, good, at)
    bad = alice.type(" bad")
    await store(archive, alice.doc.get_update(), (await appender.append(entry_of(bad))).position)

    (done,) = await lines("restore", "note:n", "1")
    with pytest.raises(OtherEpoch) as fault:
        await appender.append(entry_of(alice.type("!")))
    assert fault.value.current == done["epoch"]
    opened = await documents.vector(ROOM)
    assert opened is not None
    assert (opened.epoch, opened.clocks, str(opened.head)) == (done["epoch"], {1: 4}, done["position"])
    entry = await Reader(link, link.client()).entry(ROOM, opened.head)
    assert entry is not None
    assert (entry.binary, entry.reset, entry.event) == (good, True, "ydoc:document:epoch")
    assert json.loads(entry.data) == {"document_id": DOCUMENT, "epoch": done["epoch"]}
    assert "note:n is version 2 again" in await succeeds("restore", "note:n", "2")
    actions = (await Audit(link.keys, link.client()).page()).actions
    assert [(a.action, a.target) for a in actions] == [("document.restore", "note:n")] * 2


async def test_quarantine_shows_the_sender_and_gives_the_update_to_programs(archive: Archive) -> None:
    assert await succeeds("quarantine", "note:n") == "no update of note:n is in quarantine\n"
    bad = Quarantined(Position(1, 0), "mallory", "[red]sid\x1b[31m", b"\xff\0", "it died")
    await store(archive, Editor().type("a"), Position(2, 0), bad)
    shown = await succeeds("quarantine", "note:n")
    assert "mallory" in shown
    assert "[red]sid" in shown
    assert "\x1b" not in shown
    (facts,) = await lines("quarantine", "note:n")
    assert (facts["user"], facts["position"], b64decode(facts["update"])) == ("mallory", "1-0", b"\xff\0")
