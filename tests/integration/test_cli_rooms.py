"""`roomlog replay` and `roomlog tail`: a room as it was, and as it goes on."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streams.append import Appender, NewEntry
from streams.keys import Keys
from streams.link import Link
from tests.support.nodes import ROOT, Fleet
from tests.support.shell import DEADLINE_S, Shell
from tests.support.valkey import ValkeyServer, running_appender


def event(text: str, room: str = "user:ann") -> NewEntry:
    body = {"chat_id": "c", "message_id": "m", "data": {"type": "message", "data": {"content": text}}}
    return NewEntry(room, "events", json.dumps(body).encode())


def text(shown: Any) -> str:
    return str(shown["data"]["data"]["data"]["content"])


@pytest.fixture
def shell(fleet: Fleet) -> Shell:
    return Shell(fleet)


async def test_replay_shows_what_follows_a_position(shell: Shell, appender: Appender) -> None:
    first, *_ = [await appender.append(event(word)) for word in ("one", "two", "three\x1b[31m")]
    shown = (await shell.says("replay", "user:ann", "--after", "0-0")).splitlines()
    assert [str(first.position) in line for line in shown] == [True, False, False]
    assert "events message" in shown[0]
    assert "\x1b" not in "".join(shown)
    (page,) = await shell.lines("replay", "user:ann", "--after", str(first.position), "--limit", "1")
    assert (list(map(text, page["events"])), page["complete"], page["gap"]) == (["two"], False, False)
    assert page["next"] == page["events"][0]["position"]


async def test_replay_says_that_something_is_missing(shell: Shell, appender: Appender) -> None:
    await appender.append(event("one"))
    done = await shell.run("replay", "user:ann", "--after", "1-1")
    assert done.returncode == 0
    assert "something may be missing" in done.stderr
    assert "one" in done.stdout


@pytest.mark.parametrize("arguments", [("nowhere",), ("user:ann", "--after", "rubbish")])
async def test_what_cannot_be_replayed_is_one_line(shell: Shell, arguments: tuple[str, ...]) -> None:
    done = await shell.run("replay", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert arguments[-1] in done.stderr


@asynccontextmanager
async def following(fleet: Fleet, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`roomlog tail` with its output piped; killed at the end if it still runs."""
    tail = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "tail", *arguments),
        cwd=ROOT,
        env=fleet.env(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield tail
    finally:
        if tail.returncode is None:
            tail.kill()
        await tail.communicate()


async def line_of(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    async with asyncio.timeout(DEADLINE_S):
        return (await stream.readline()).decode()


async def test_tail_follows_until_ctrl_c_and_ends_with_0(fleet: Fleet, appender: Appender) -> None:
    await appender.append(event("one"))
    async with following(fleet, "user:ann", "--after", "0-0") as tail:
        assert "one" in await line_of(tail.stdout)
        await appender.append(event("elsewhere", "user:bob"))
        await appender.append(event("two"))
        assert "two" in await line_of(tail.stdout)
        tail.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(tail.wait(), DEADLINE_S) == 0
        assert await line_of(tail.stderr) == ""


async def test_tail_goes_on_when_the_log_is_back_and_shows_nothing_twice(
    own_fleet: Fleet, own_valkey: ValkeyServer
) -> None:
    async def append(word: str) -> None:
        link = Link(own_valkey.url, Keys(own_fleet.key_prefix))
        async with running_appender(link) as appender:
            await appender.append(event(word))
        await link.aclose()

    await append("one")
    async with following(own_fleet, "user:ann", "--after", "0-0", "--json") as tail:
        assert text(json.loads(await line_of(tail.stdout))) == "one"
        own_valkey.kill()
        assert "it is asked again" in await line_of(tail.stderr)
        own_valkey.start()
        assert "answers again" in await line_of(tail.stderr)
        await append("two")
        assert text(json.loads(await line_of(tail.stdout))) == "two"
        tail.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(tail.wait(), DEADLINE_S) == 0


async def test_completion_is_printed_for_a_shell(shell: Shell) -> None:
    assert "complete" in await shell.says("--show-completion", "bash")
