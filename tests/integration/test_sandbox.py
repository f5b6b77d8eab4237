"""A sandbox answers, or says what became of the job; the next job works, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pycrdt import Doc, Text, XmlElement, XmlFragment, XmlText

from archive.yjs import LIMITS, NOTHING, OURS, Malformed, OverLimit, Vector, read, tree_merge, vector_of
from tests.support import bombs
from tests.support.documents import Editor
from tests.support.histories import pycrdt_history, yjs_history, yjs_loads
from tests.support.nodes import eventually
from workers.sandbox import Refused, Sandbox, SandboxDied, SandboxError, SandboxHung, SandboxLimits, SandboxStarved

GOOD = bombs.update(bombs.text("good"))
THEIRS = bombs.update(bombs.text("theirs"), client=b"\x09")
STRICT = SandboxLimits(cpu_s=1, cpu_s_per_mb=0.5)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(STRICT)
    yield sandbox
    await sandbox.aclose()


def children() -> list[psutil.Process]:
    """Of this process, zombies too."""
    return [child for child in psutil.Process().children() if "workers.sandboxed" in _command(child)]


def _command(process: psutil.Process) -> str:
    """A zombie has none: it counts as ours, and what is gone meanwhile does not."""
    try:
        return " ".join(process.cmdline()) or "workers.sandboxed"
    except psutil.ZombieProcess:
        return "workers.sandboxed"
    except psutil.NoSuchProcess:
        return ""


async def works(sandbox: Sandbox) -> None:
    folded = await sandbox.fold(b"", [GOOD])
    assert (folded.vector, folded.lossless) == (Vector({5: 4}), False)


async def test_it_folds_what_yjs_wrote_into_what_yjs_has(sandbox: Sandbox) -> None:
    for seed in range(3):
        made = yjs_history(seed, 120)
        half = await sandbox.fold(b"", made.updates[:60])
        whole = await sandbox.fold(half.state, made.updates[60:])
        assert whole.vector == vector_of(read(tree_merge(made.updates), OURS))
        loaded = yjs_loads(whole.state)
        assert (loaded.text, loaded.xml) == (made.text, made.xml)


async def test_it_folds_in_any_number_of_rounds(sandbox: Sandbox) -> None:
    updates = pycrdt_history(1)
    at_once = await sandbox.fold(NOTHING, updates)
    state = b""
    for at in range(0, len(updates), 25):
        state = (await sandbox.fold(state, updates[at : at + 25])).state
    assert _text(state) == _text(at_once.state)
    assert (await sandbox.fold(at_once.state, [])).state == (await sandbox.fold(at_once.state, [at_once.state])).state


async def test_a_note_is_rendered(sandbox: Sandbox) -> None:
    doc: Doc[Any] = Doc()
    note = doc.get("prosemirror", type=XmlFragment)
    note.children.append(XmlElement("heading", {"level": "2"}, [XmlText("Title")]))
    text = note.children.append(XmlElement("paragraph")).children.append(XmlText("some words"))
    text.format(0, 4, {"bold": {}})
    folded = await sandbox.fold(b"", [doc.get_update()])
    assert folded.markdown == "## Title\n\n**some** words\n"
    assert await sandbox.markdown(folded.state) == folded.markdown


async def test_nothing_folds_to_nothing(sandbox: Sandbox) -> None:
    folded = await sandbox.fold(b"", [])
    assert (folded.state, folded.vector, folded.markdown) == (NOTHING, Vector(), "")


async def test_a_long_backlog_is_folded(sandbox: Sandbox) -> None:
    doc: Doc[Any] = Doc(client_id=7)
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))
    text = doc.get("t", type=Text)
    for _ in range(20_000):
        text.insert(len(text), "a")
    folded = await sandbox.fold(b"", updates)
    assert folded.vector == Vector({7: 20_000})
    assert len(folded.state) < 20_100


async def test_what_waits_for_a_missing_update_is_kept(sandbox: Sandbox) -> None:
    first, second = bombs.UNREFERENCED
    folded = await sandbox.fold(b"", [first, second])
    assert folded.lossless
    assert folded.vector == Vector({5: 2})
    filled = await sandbox.fold(folded.state, [bombs.update(bombs.text("cde", 1), clock=2)])
    assert not filled.lossless
    assert _text(filled.state) == "abcdex"


async def test_a_document_with_a_hole_stays_as_small_as_its_text(sandbox: Sandbox) -> None:
    """What was sent behind an update that is in quarantine waits for ever; others write on for years."""
    first, second = bombs.UNREFERENCED
    state = (await sandbox.fold(b"", [first, second])).state
    writer = Editor(7)
    for _ in range(12):
        folded = await sandbox.fold(state, [writer.type("a") for _ in range(5_000)])
        assert folded.lossless
        state = folded.state
    assert len(state) < 60_200
    filled = await sandbox.fold(state, [bombs.update(bombs.text("cde", 1), clock=2)])
    assert not filled.lossless
    assert filled.vector == Vector({5: 6, 7: 60_000})


async def test_a_deletion_that_waits_is_kept(sandbox: Sandbox) -> None:
    deletion = b"\0\x01\x05\x01\x02\x03"
    folded = await sandbox.fold(b"", [bombs.update(bombs.text("ab")), deletion])
    assert folded.lossless
    filled = await sandbox.fold(folded.state, [bombs.update(bombs.text("cdef", 1), clock=2)])
    assert _text(filled.state) == "abf"


async def test_half_a_surrogate_pair_deleted_loses_nothing(sandbox: Sandbox) -> None:
    folded = await sandbox.fold(b"", bombs.HALF_A_PAIR_DELETED)
    assert folded.lossless
    assert folded.vector == Vector({5: 8})
    again = await sandbox.fold(folded.state, [bombs.update(bombs.text("!", 7), clock=8)])
    assert yjs_loads(again.state).text == "a\ufffdbtail!"


HURTING: dict[str, Callable[[], bytes]] = {
    "values in values": lambda: bombs.nested_values(30_000),
    "a million levels of values": lambda: bombs.nested_values(1_000_000),
    "maps in maps": lambda: bombs.nested_maps(30_000),
    "types in types, deleted": lambda: bombs.nested_types(50_000),
    "a tombstone that wraps": lambda: bombs.LONG_TOMBSTONE,
    "a struct inside a text": lambda: bombs.INSIDE_A_TEXT,
    "a run of items": lambda: bombs.typing_run(100_000),
    "noise": lambda: bytes(range(256)) * 40,
    **{f"a claim of {name}": lambda data=data: data for name, data in bombs.CLAIMS.items()},  # type: ignore[misc]
}


@pytest.mark.parametrize("name", HURTING)
async def test_a_bomb_has_its_outcome_and_the_next_job_works(sandbox: Sandbox, name: str) -> None:
    bomb = HURTING[name]()
    with pytest.raises((SandboxDied, SandboxHung, Refused)) as ended:
        await sandbox.fold(THEIRS, [bomb])
    assert str(ended.value)
    assert not children()
    with pytest.raises((SandboxDied, SandboxHung, Refused)):
        await sandbox.fold(THEIRS, [THEIRS, bomb, THEIRS])
    await works(sandbox)
    assert len(children()) == 1


@pytest.mark.parametrize("name", [*HURTING, "a clock that wraps"])
def test_no_bomb_gets_past_the_reader(name: str) -> None:
    bomb = HURTING[name]() if name in HURTING else bombs.LATE_CLOCK
    with pytest.raises((Malformed, OverLimit)):
        read(bomb, LIMITS)


async def test_a_clock_that_wraps_does_no_harm(sandbox: Sandbox) -> None:
    with pytest.raises(Refused):
        await sandbox.fold(b"", [bombs.LATE_CLOCK])
    assert (await sandbox.fold(THEIRS, [bombs.LATE_CLOCK])).state == THEIRS, "merging it with others drops it"


async def test_the_worst_that_the_reader_lets_pass_is_folded(sandbox: Sandbox) -> None:
    run = bombs.typing_run(10_000)
    holes = bombs.every_second_deleted(20_000)
    for worst in (run, holes):
        read(worst)
        assert not (await sandbox.fold(b"", [worst])).lossless


async def test_an_endless_job_is_ended_by_its_cpu_time() -> None:
    sandbox = Sandbox(SandboxLimits(cpu_s=1, cpu_s_per_mb=0))
    with pytest.raises(SandboxHung):
        await sandbox.fold(b"", [bombs.every_second_deleted(1_000_000)])
    await works(sandbox)
    await sandbox.aclose()


async def test_too_much_memory_ends_the_child() -> None:
    small = Sandbox(SandboxLimits(memory_bytes=200 << 20))
    await works(small)
    with pytest.raises(SandboxError):
        await small.fold(b"", [bombs.update(b"\x08" + bombs.ROOT + b"\xff\xff\x7f" + b"\x7e" * 2_097_151)] * 8)
    await works(small)
    await small.aclose()


async def test_a_child_that_stands_still_is_not_the_jobs_fault() -> None:
    sandbox = Sandbox(SandboxLimits(cpu_s=1, patience=5))
    await works(sandbox)
    children()[0].suspend()
    with pytest.raises(SandboxStarved):
        await sandbox.fold(b"", [GOOD])
    assert not children()
    await sandbox.aclose()


async def test_a_warm_child_killed_from_outside_costs_the_job_nothing(sandbox: Sandbox) -> None:
    await works(sandbox)
    child = children()[0]
    child.suspend()
    job = asyncio.create_task(sandbox.fold(b"", [GOOD]))
    await asyncio.sleep(0)
    child.kill()
    assert (await job).vector == Vector({5: 4})
    assert len(children()) == 1


async def test_a_child_that_ended_between_jobs_is_replaced(sandbox: Sandbox) -> None:
    await works(sandbox)
    child = children()[0]
    child.kill()
    await eventually(lambda: child.pid not in {each.pid for each in children()})
    await works(sandbox)


async def test_it_is_replaced_after_so_many_jobs() -> None:
    sandbox = Sandbox(SandboxLimits(jobs=2))
    pids = []
    for _ in range(5):
        await works(sandbox)
        pids.append(children()[0].pid)
    assert [pids[0] == pids[1], pids[1] == pids[2], pids[2] == pids[3], pids[3] == pids[4]] == [
        True,
        False,
        True,
        False,
    ]
    await sandbox.aclose()


async def test_cancelling_kills_the_child(sandbox: Sandbox) -> None:
    await works(sandbox)
    children()[0].suspend()
    job = asyncio.create_task(sandbox.fold(b"", [GOOD]))
    await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not children()
    await works(sandbox)


async def test_jobs_take_turns(sandbox: Sandbox) -> None:
    results = await asyncio.gather(*(sandbox.fold(b"", [GOOD]) for _ in range(20)))
    assert {folded.vector.clock(5) for folded in results} == {4}
    assert len(children()) == 1


async def test_the_loop_runs_on_while_a_child_works(sandbox: Sandbox) -> None:
    await works(sandbox)
    job = asyncio.create_task(sandbox.fold(b"", [bombs.typing_run(10_000)]))
    turns = 0
    while not job.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100
    await job


async def test_nothing_is_left_behind() -> None:
    before = psutil.Process().num_fds()
    sandbox = Sandbox(STRICT)
    for _ in range(5):
        await works(sandbox)
        with pytest.raises(Refused):
            await sandbox.fold(b"", [bombs.LATE_CLOCK])
    await works(sandbox)
    await asyncio.gather(sandbox.aclose(), sandbox.aclose())
    await sandbox.aclose()
    assert not children()
    await eventually(lambda: psutil.Process().num_fds() <= before)
    with pytest.raises(RuntimeError, match="closed"):
        await sandbox.fold(b"", [GOOD])


async def test_closing_ends_a_job_that_runs() -> None:
    sandbox = Sandbox(STRICT)
    await works(sandbox)
    children()[0].suspend()
    job = asyncio.create_task(sandbox.fold(b"", [GOOD]))
    await asyncio.sleep(0)
    await sandbox.aclose()
    with pytest.raises(SandboxDied):
        await job
    assert not children()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
async def test_it_has_no_secrets_and_no_files_of_ours(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret@nowhere/db")
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    await works(sandbox)
    child = children()[0]
    assert "DATABASE_URL" not in child.environ()
    files = os.listdir(f"/proc/{child.pid}/fd")
    assert len(files) <= 5, files
    assert os.getsid(child.pid) == child.pid, "a session of its own: Ctrl-C in the terminal does not reach it"
    os.close(reader)
    os.close(writer)


@pytest.mark.skipif(os.name != "posix", reason="signals")
async def test_it_ends_with_its_owner() -> None:
    """A worker that is killed by SIGKILL leaves no child: its stdin ends."""
    program = (
        "import asyncio; from workers.sandbox import Sandbox\n"
        "async def main():\n"
        "    sandbox = Sandbox()\n"
        "    await sandbox.fold(b'', [])\n"
        "    print(sandbox._child._process.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    owner = await asyncio.create_subprocess_exec(*(sys.executable, "-c", program), stdout=asyncio.subprocess.PIPE)
    assert owner.stdout is not None
    child = psutil.Process(int(await owner.stdout.readline()))
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    await eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def _text(state: bytes) -> str:
    doc: Doc[Any] = Doc()
    doc.apply_update(state)
    return str(doc.get("t", type=Text))
