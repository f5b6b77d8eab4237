"""`roomlog deadletters` on the real log."""

from __future__ import annotations

import asyncio
import getpass
import json

import pytest
from typer.testing import CliRunner, Result

from archive import Archive
from cli.deadletters import app
from cli.errors import CommandError
from oversight.audit import Audit
from streams.append import Appender, NewEntry
from streams.deadletters import DeadLetters
from streams.jobs import Jobs
from streams.link import Link
from tests.support.valkey import ValkeyServer
from workers.config import WorkerConfig
from workers.persister import Persister
from workers.tally import Tally

BAD = b'{"chat_id": "c", "message_id": "m", "data": {"type": "message", "data": "[red]\\u001b[31m"}}'


@pytest.fixture(autouse=True)
def settings(valkey: ValkeyServer, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", valkey.url)
    monkeypatch.setenv("REDIS_KEY_PREFIX", key_prefix)
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/away")  # these commands do not ask it


@pytest.fixture
async def persister(link: Link, archive: Archive) -> Persister:
    jobs = Jobs(link, link.client(), "worker")
    await jobs.ensure_group()
    return Persister(link, jobs, archive, WorkerConfig(fold_window_s=0), Tally(), asyncio.Event())


async def command(*arguments: str) -> Result:
    """Run it as the shell does, beside the test's loop."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))


async def succeeds(*arguments: str) -> str:
    result = await command(*arguments)
    assert result.exit_code == 0, result.output or result.exception
    return result.stdout


async def parked(persister: Persister, appender: Appender, count: int = 1) -> list[str]:
    """Append so many poison entries and have them parked; returns the dead letters' IDs."""
    for _ in range(count):
        await appender.append(NewEntry("user:u", "events", BAD))
    await persister.persist_once()
    return await ids()


async def ids() -> list[str]:
    """Of all dead letters, as `list --json` has them."""
    pages = [json.loads(line) for line in (await succeeds("list", "--json")).splitlines()]
    return [letter["id"] for page in pages for letter in page["letters"]]


async def test_list_and_show_say_what_was_refused_and_why(persister: Persister, appender: Appender) -> None:
    assert await succeeds("list") == "no dead letters\n"
    (letter_id,) = await parked(persister, appender)
    assert "\x1b" not in await succeeds("list")
    assert "data is text" in await succeeds("show", letter_id)
    shown = json.loads(await succeeds("show", letter_id, "--json"))
    assert (shown["room"], shown["data"]) == ("user:u", json.loads(BAD))


async def test_a_retried_letter_goes_through_the_fold_again_and_is_parked_anew(
    persister: Persister, appender: Appender
) -> None:
    (letter_id,) = await parked(persister, appender)
    assert letter_id in await succeeds("retry", letter_id)
    assert await ids() == []
    await persister.persist_once()
    (again,) = await ids()
    assert again != letter_id


async def test_all_letters_are_retried_at_once_in_their_order(persister: Persister, appender: Appender) -> None:
    letters = await parked(persister, appender, 3)
    lines = (await succeeds("retry", "--all", "--json")).splitlines()
    assert [json.loads(line)["id"] for line in lines] == letters
    assert await ids() == []


async def test_a_dropped_letter_is_gone(persister: Persister, appender: Appender, link: Link) -> None:
    first, second = await parked(persister, appender, 2)
    await succeeds("drop", first)
    assert [letter.id for letter in await DeadLetters(link, link.client()).page()] == [second]


async def test_what_was_done_at_the_command_line_is_noted_with_who_did(
    persister: Persister, appender: Appender, link: Link
) -> None:
    first, second = await parked(persister, appender, 2)
    await succeeds("retry", first)
    await succeeds("drop", second)
    actions = (await Audit(link.keys, link.client()).page()).actions
    assert [(a.user_id, a.action, a.target, a.outcome) for a in actions] == [
        (f"cli:{getpass.getuser()}", "deadletter.drop", second, "done"),
        (f"cli:{getpass.getuser()}", "deadletter.retry", first, "done"),
    ]


@pytest.mark.parametrize("arguments", [("show", "1-1"), ("drop", "1-1"), ("retry", "1-1"), ("show", "rubbish")])
async def test_a_letter_that_is_not_there_is_named(arguments: tuple[str, ...]) -> None:
    fault = (await command(*arguments)).exception
    assert isinstance(fault, CommandError)
    assert arguments[1] in str(fault)


@pytest.mark.parametrize("arguments", [("retry",), ("retry", "1-1", "--all")])
async def test_retry_wants_an_id_or_all(arguments: tuple[str, ...]) -> None:
    assert (await command(*arguments)).exit_code == 2
