"""What editors do when the server's document is not the one that they had: restored, or emptied under their hands."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from functools import partial

from tests.e2e.test_documents_provider import desk
from tests.support.nodes import ROOT, Fleet, eventually
from tests.support.stored import stored_document, stored_text
from tests.support.studio import JS_CURRENT, JS_STOCK, PY_CURRENT, PY_STOCK, JsEditor
from tests.support.valkey import ValkeyServer

STORED_S = 60.0


async def stored(fleet: Fleet, document_id: str, text: str) -> int:
    """Wait until this text is stored; returns the number of its version."""

    async def found() -> bool:
        return await stored_text(fleet, document_id) == text

    await eventually(found, STORED_S)
    document = await stored_document(fleet, document_id)
    assert document is not None
    return document.number


async def restore(fleet: Fleet, document_id: str, number: int) -> None:
    """`roomlog documents restore`."""
    command = [sys.executable, "-m", "cli.main", "documents", "restore", document_id, str(number)]
    run = partial(subprocess.run, cwd=ROOT, env=fleet.env(), capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(run, command)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_a_restored_document_is_handed_over_beside_ones_own_and_never_merged(fleet: Fleet) -> None:
    """One editor is there, one comes back later, and one was closed offline and is opened again from its database."""
    fleet.worker()
    async with desk(fleet) as (node, _api, made):
        here: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        away: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        closed: JsEditor = await made.open(JS_CURRENT, "alice", node.port, database="restored")
        for editor in (here, away, closed):
            await editor.sees(status="synced")
        await here.insert(1, "abc")
        number = await stored(fleet, made.document_id, "abc")
        for editor in (away, closed):
            await editor.sees(text="abc")
            editor.tunnel.refusing = True
            editor.tunnel.cut()
            await editor.sees(status="offline")
            await editor.insert(1, "x")
        await closed.close()
        await here.insert(1, "d")
        await stored(fleet, made.document_id, "abcd")
        await restore(fleet, made.document_id, number)
        found = await here.sees(status="refused")
        assert found["refusal"]["reason"] == "epoch"
        away.tunnel.refusing = False
        opened: JsEditor = await made.open(JS_CURRENT, "alice", node.port, database="restored")
        for editor, mine in ((here, "abcd"), (away, "abcx"), (opened, "abcx")):
            await eventually(lambda editor=editor: handed_over(editor))
            (change,) = (await editor.look())["epochs"]
            assert (change["mine"], change["theirs"]) == (mine, "abc")
            assert change["epoch"] != found["epoch"]
        fresh: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await fresh.sees(status="synced", text="abc")
        await fresh.insert(1, "e")
        await stored(fleet, made.document_id, "abce")


async def handed_over(editor: JsEditor) -> bool:
    return bool((await editor.look())["epochs"])


async def test_an_emptied_log_gets_back_what_the_editors_have_deletions_too(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    """Nothing of it had been folded: there was a worker only for the note and who may write it."""
    worker = own_fleet.worker()
    async with desk(own_fleet, "bob") as (node, api, made):
        path = f"/api/v1/notes/{made.document_id.removeprefix('note:')}/update?ack=sql"
        assert (await api.client.post(path, json={"title": "In SQL"})).status_code == 200
        worker.stop()
        one: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await one.sees(status="synced")
        await one.insert(1, "abcdef")
        for kind in (JS_STOCK, PY_STOCK, PY_CURRENT):
            await made.open(kind, "bob", node.port)
        await made.agree("abcdef")
        assert await one.delete(0) == "a"
        await made.agree("bcdef")
        await one.sees(status="synced")
        with own_valkey.client() as redis:
            redis.flushall()
        await eventually(lambda: rejoined(one), STORED_S)
        await one.insert(1, "g")
        await made.agree("bcdefg")
        own_fleet.worker()
        late: JsEditor = await made.open(JS_CURRENT, "alice", node.port)
        await late.sees(status="synced")
        text = await made.agree("bcdefg")
        await stored(own_fleet, made.document_id, text)


async def rejoined(editor: JsEditor) -> bool:
    found = await editor.look()
    return "offline" in found["seen"] and found["status"] == "synced"
