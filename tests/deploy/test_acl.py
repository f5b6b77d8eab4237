"""Valkey's users: what each may do is what its program's code says, and with that everything works."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from app.producer import producer
from streams.append import NewEntry
from streams.keys import Keys
from streams.link import Link
from tests.contract.clients import Listener, calling
from tests.deploy.commands import commands_of
from tests.deploy.guarded import GuardedValkey, guarded_valkey
from tests.deploy.rules import PAGE, PROGRAMS, rules
from tests.support.editors import Page
from tests.support.nodes import ROOT, Fleet, Process, as_url, eventually, token
from tests.support.people import Person, people
from tests.support.valkey import running_appender

POISON = b'{"chat_id": "c", "message_id": "m", "data": {"type": "message", "data": "text, where an object must be"}}'
ANEW = "python -m tests.deploy.rules"


@pytest.mark.parametrize("user", PROGRAMS)
def test_a_user_may_do_exactly_what_its_program_says(user: str) -> None:
    """Read from the code: streams/ and registry/, as far as the program imports them, and the Lua scripts."""
    allowed = {rule[1:] for rule in rules()[user] if rule.startswith("+")}
    said = commands_of(*PROGRAMS[user])
    assert not said - allowed, f"missing for {user}; write the rules anew: {ANEW}"
    assert not allowed - said, f"too many for {user}; write the rules anew: {ANEW}"
    assert "-@all" in rules()[user]


def test_the_page_shows_the_rules_as_they_are() -> None:
    page = PAGE.read_text()
    for user, said in rules().items():
        assert f"user {user} {' '.join(said)}\n" in page, user


@dataclass
class Site:
    """Two nodes, a worker and the server, each program under its own name."""

    valkey: GuardedValkey
    nodes: list[Process]
    fleet: Fleet
    granted: dict[str, Path]

    def denied(self) -> list[Any]:
        """The server's own list of what it refused."""
        with self.valkey.client("operator") as operator:
            return list(operator.acl_log())

    async def roomlog(self, *arguments: str) -> str:
        """What a command of `roomlog` prints."""
        done = await self.tried(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def tried(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `roomlog` as in a node's container."""
        env = self.fleet.env(secrets_dir=self.granted["node"])
        command = [sys.executable, "-m", "cli.main", *arguments]
        return await asyncio.to_thread(subprocess.run, command, env=env, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with guarded_valkey(tmp_path) as valkey:
        fleet = Fleet(valkey.url("node"), as_url(database_url), "rl")
        granted = {user: valkey.granted(user, tmp_path) for user in ("node", "worker")}
        try:
            nodes = [await fleet.node(secrets_dir=granted["node"], sql_wait_s=25) for _ in range(2)]
            fleet.worker(redis_url=valkey.url("worker"), secrets_dir=granted["worker"], sweep_interval_s=0.5)
            yield Site(valkey, nodes, fleet, granted)
        finally:
            fleet.stop()


async def test_everything_works_and_nothing_was_denied(site: Site) -> None:
    one, other = site.nodes
    try:
        await answers_and_resumes(one, other)
        await documents(site)
        await presence_and_revocation(one)
        await scripts(site, other)
        await dead_letters(site)
        await operators(site)
    except BaseException as fault:
        fault.add_note(f"denied: {site.denied()}")
        for node in site.nodes:
            fault.add_note(node.text()[-3000:])
        raise
    assert site.denied() == []


async def answers_and_resumes(one: Process, other: Process) -> None:
    """Emit, fold, read; a completion; a client that loses its link and resumes on the other node."""
    async with calling(one.url) as api, Listener() as page:
        await page.open(one.url, token(), transports=["websocket"])
        chat = await api.new_chat()
        path = f"/api/v1/chats/{chat}/messages/m1/event?ack=sql"
        assert (await api.client.post(path, json={"type": "message", "data": {"content": "one "}})).is_success
        await eventually(lambda: page.words == ["one"])
        await page.drop()
        for word in ("two ", "three "):
            await api.emit(chat, "message", {"content": word})
        await page.open(other.url, token(), transports=["websocket"])
        await eventually(lambda: page.words == ["one", "two", "three"])
        question = {"model": "echo", "stream": True, "messages": [{"role": "user", "content": "four five"}]}
        asked = await api.client.post("/api/chat/completions", json=question | {"chat_id": chat, "id": "m2"})
        assert asked.is_success, asked.text
        (task,) = asked.json()["task_ids"]
        assert (await api.client.post(f"/api/tasks/stop/{task}")).status_code in (200, 404)
        assert (await api.client.get("/api/tasks")).is_success
        await page.emit("usage", {"model": "echo", "chat_id": chat})
        assert (await api.client.get("/api/usage")).is_success


async def documents(site: Site) -> None:
    """Two pages edit a note on two nodes, and it is folded."""
    one, other = site.nodes
    async with calling(one.url) as api, Page("n") as mine, Page("n") as theirs:
        made = await api.client.post("/api/v1/notes/create", json={"title": "A note", "data": {}})
        assert made.is_success, made.text
        for page, node in ((mine, one), (theirs, other)):
            page.note_id = made.json()["id"]
            await page.open(node.url, token(), transports=["websocket"])
            await page.join()
        await mine.type("hello")
        await eventually(lambda: theirs.text == "hello")
        note = mine.document_id

    async def folded() -> bool:
        shown = await site.tried("documents", "show", note, "--json")
        return shown.returncode == 0 and json.loads(shown.stdout)["version"] > 0

    await eventually(folded, 60)


async def presence_and_revocation(one: Process) -> None:
    async with calling(one.url, "root", role="admin") as admin, Listener() as page:
        await page.open(one.url, token("bob"), transports=["websocket"])
        await page.emit("heartbeat", {})
        assert (await admin.client.get("/readyz")).is_success
        assert (await admin.client.post("/api/v1/users/bob/revoke")).is_success
        await eventually(lambda: not page.connected)


async def scripts(site: Site, node: Process) -> None:
    """A script that is no node emits, and asks a page."""
    url = site.valkey.url("producer").replace("producer@", f"producer:{site.valkey.password('producer')}@")
    async with people(Person("alice")) as (alice,), producer(url) as script:
        await alice.at(node.url)
        alice.answers["confirmation"] = True
        about = {"user_id": "alice", "session_id": alice.get_sid(), "chat_id": "c", "message_id": "m"}
        ask = await script.get_event_call(about)
        assert ask is not None
        assert await ask({"type": "confirmation", "data": {"title": "Sure?"}}) is True
        emit = await script.get_event_emitter(about)
        await emit({"type": "message", "data": {"content": "said "}})


async def dead_letters(site: Site) -> None:
    """An entry that cannot be folded is parked, listed, tried again, and dropped."""
    url = site.valkey.url("producer").replace("producer@", f"producer:{site.valkey.password('producer')}@")
    link = Link(url, Keys("rl"))
    async with running_appender(link) as appender:
        await appender.append(NewEntry("user:u", "events", POISON))
    await link.aclose()

    async def parked() -> str:
        letters = json.loads(await site.roomlog("deadletters", "list", "--json"))["letters"]
        return str(letters[0]["id"]) if letters else ""

    first = await eventually(parked, 60)
    await site.roomlog("deadletters", "retry", first)
    again = await eventually(parked, 60)
    assert again != first
    await site.roomlog("deadletters", "drop", again)


async def operators(site: Site) -> None:
    """What the command line looks at and does."""
    for command in ("status --json", "rooms --all --order lag", "rooms --order length", "replay user:u --after 0-0"):
        await site.roomlog(*command.split())
    for command in ("sessions alice", "tasks", "revoke --user mallory", "revoke --jti stolen --ttl 60"):
        await site.roomlog(*command.split())
    assert (await site.tried("check", "--json")).stdout.count("may do all that a node does") == 1
    assert "is over" in (await site.tried("tasks", "stop", "nothing")).stdout
    assert "no session" in (await site.tried("sessions", "disconnect", "nobody")).stderr


async def test_what_is_not_needed_is_denied(tmp_path: Path) -> None:
    async with guarded_valkey(tmp_path) as valkey:
        with valkey.client("node") as node, valkey.client("worker") as worker, valkey.client() as nobody:
            assert nobody.ping()
            assert node.ping()
            forbidden: list[tuple[redis.Redis, tuple[str, ...]]] = [
                (node, ("FLUSHALL",)),
                (node, ("CONFIG", "GET", "dir")),
                (node, ("KEYS", "*")),
                (node, ("SET", "other:key", "1")),
                (node, ("PUBLISH", "other", "1")),
                (node, ("EVAL", "return redis.call('FLUSHALL')", "0")),
                (worker, ("GET", "rl:auth:token:t:revoked")),
                (nobody, ("GET", "rl:{0}:epoch")),
                (nobody, ("CONFIG", "GET", "*")),
            ]
            for client, words in forbidden:
                with pytest.raises(redis.ResponseError, match=r"(?i)no permission|NOPERM|can't run|ACL"):
                    client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        with valkey.client("operator") as operator:
            assert {entry["username"] for entry in operator.acl_log()} == {"node", "worker", "default"}
        passwords = re.findall("[0-9a-f]{64}", (valkey.secrets / "valkey_users.acl").read_text())
        assert len(passwords) == 4
