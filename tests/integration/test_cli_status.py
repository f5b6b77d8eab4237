"""`roomlog status` and `roomlog rooms` beside a running system."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest

from app.routes.openapi import document
from streams.append import Appender, NewEntry
from tests.support.nodes import Fleet, LocalNode, as_url, eventually
from tests.support.postgres import Postgres
from tests.support.shell import Shell

SCHEMAS = document()["components"]["schemas"]


def promised(value: object, name: str) -> None:
    """As the admin API's schema of this name has it."""
    jsonschema.validate(value, {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}})


@pytest.fixture
def shell(fleet: Fleet) -> Shell:
    return Shell(fleet)


@pytest.fixture
async def node(fleet: Fleet) -> AsyncIterator[LocalNode]:
    async with fleet.inside() as node:
        yield node


async def test_status_shows_the_node_both_servers_and_what_to_do(shell: Shell, node: LocalNode) -> None:
    await eventually(lambda: node.node.nodes.reports())
    shown = await shell.says("status", COLUMNS=80)
    assert node.node.name in shown.replace("\n", "")
    assert "No worker reports" in shown
    assert "python -m workers" in shown
    assert "valkey" in shown
    assert "PostgreSQL" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown


async def test_status_for_programs_is_the_overview_of_the_admin_api(shell: Shell, node: LocalNode) -> None:
    (seen,) = await shell.lines("status")
    promised(seen, "Overview")
    assert [found["name"] for found in seen["nodes"]] == [node.node.name]


async def test_status_says_that_a_database_is_not_migrated_and_what_does_that(
    shell: Shell, node: LocalNode, postgres: Postgres
) -> None:
    """It answers all the same."""
    with postgres.database(template="template0") as empty:
        done = await shell.run("status", DATABASE_URL=as_url(empty))
        assert done.returncode == 1
        assert "does not answer" not in done.stdout
        assert "no tables of ours yet" in done.stdout
        assert "roomlog worker" in done.stdout
        refused = await shell.run("documents", "history", "note:n", DATABASE_URL=as_url(empty))
        assert refused.returncode == 1
        assert "it is not migrated; a node or a worker" in refused.stderr


UNSET = {"REDIS_URL": "", "DATABASE_URL": ""}


async def test_status_starts_nothing(shell: Shell, tmp_path: Path) -> None:
    done = await shell.run("status", **UNSET, ROOMLOG_DATA_DIR=tmp_path / "data")
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"roomlog: nothing runs in {tmp_path / 'data'}, and no REDIS_URL or DATABASE_URL is set"
    )
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()
    done = await shell.run("status", **UNSET | {"DATABASE_URL": shell.fleet.database_url}, ROOMLOG_DATA_DIR=tmp_path)
    assert "and no REDIS_URL is set" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("tasks",),
        ("deadletters", "list"),
        ("replay", "user:u"),
        ("revoke", "--jti", "t"),
        ("sessions", "disconnect", "s"),
    ],
)
async def test_what_asks_the_log_alone_starts_no_postgres(
    shell: Shell, tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = await shell.run(*command, **UNSET, ROOMLOG_DATA_DIR=tmp_path)
    assert done.returncode in (0, 1), done.stderr
    assert (tmp_path / "valkey").exists()
    assert not (tmp_path / "postgres").exists()


async def test_status_says_which_server_is_away_and_ends_with_1(shell: Shell, node: LocalNode) -> None:
    done = await shell.run("status", REDIS_URL="redis://127.0.0.1:9")
    assert done.returncode == 1
    assert "does not answer" in done.stdout
    done = await shell.run("status", "--json", DATABASE_URL="postgresql://nobody@127.0.0.1:9/none")
    assert done.returncode == 1
    seen = json.loads(done.stdout)
    assert (seen["redis"]["ok"], seen["postgres"]["ok"]) == (True, False)
    assert done.stderr == ""


async def test_rooms_are_found_and_sorted(shell: Shell, node: LocalNode, appender: Appender) -> None:
    for room, entries in (("user:ann", 3), ("user:bob", 1), ("note:n", 2)):
        for _ in range(entries):
            await appender.append(NewEntry(room, "events", b"{}"))
    assert await shell.says("rooms", "--q", "nobody") == "0 of 3 rooms\n"
    shown = (await shell.says("rooms", "--order", "length")).splitlines()
    assert [line.split()[0] for line in shown[1:4]] == ["user:ann", "note:n", "user:bob"]
    (page,) = await shell.lines("rooms", "--q", "user:", "--limit", "1")
    promised(page, "RoomPage")
    assert ([room["room"] for room in page["rooms"]], page["known"]) == (["user:ann"], 3)
    assert page["cursor"]
    (whole,) = await shell.lines("rooms", "--all")
    assert [room["room"] for room in whole["rooms"]] == ["note:n", "user:ann", "user:bob"]


async def test_a_server_that_is_away_is_one_line_and_1(shell: Shell) -> None:
    done = await shell.run("rooms", REDIS_URL="redis://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("roomlog: ")
    assert done.stderr.count("\n") == 1


async def test_a_bad_order_is_2(shell: Shell) -> None:
    assert (await shell.run("rooms", "--order", "size")).returncode == 2
