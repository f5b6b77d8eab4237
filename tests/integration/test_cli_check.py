"""`roomlog check` on servers that are well, away, too strict, or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from archive.rights import TABLES
from migrations import versions
from streams.rights import UNTRIED, commands
from tests.deploy.guarded import guarded_valkey
from tests.deploy.rules import PROGRAMS, rules
from tests.support.nodes import Fleet, as_url
from tests.support.postgres import Postgres
from tests.support.shell import Shell
from tests.support.valkey import ValkeyServer, free_port


@pytest.fixture
def shell(fleet: Fleet) -> Shell:
    return Shell(fleet)


async def bad(shell: Shell, **settings: Any) -> dict[str, str]:
    """What is wrong and its cure, by the last of what is said about it; each has a cure."""
    done = await shell.run("check", "--json", PORT=free_port(), **settings)
    seen = json.loads(done.stdout)
    found = {finding["about"]: finding["what"] for finding in seen["findings"] if finding["level"] == "bad"}
    assert all(finding["cure"] for finding in seen["findings"] if finding["level"] != "ok"), seen
    assert (done.returncode, seen["ok"]) == ((1, False) if found else (0, True)), done.stdout
    return found


async def test_all_is_well(shell: Shell) -> None:
    assert await bad(shell) == {}
    shown = await shell.says("check", PORT=free_port())
    assert "ok   REDIS_URL: valkey" in shown
    assert "ok   DATABASE_URL: its tables are of the newest version" in shown
    assert "ok   WEBUI_SECRET_KEY" in shown
    assert "\x1b" not in shown


async def test_nothing_is_left_on_the_log_s_server(shell: Shell, valkey: ValkeyServer) -> None:
    await shell.says("check", PORT=free_port())
    with valkey.client() as client:
        assert not list(client.scan_iter(f"{shell.fleet.key_prefix}:*"))


async def test_a_log_that_is_away_is_told_with_what_to_do(shell: Shell) -> None:
    assert "no server answers" in (await bad(shell, REDIS_URL="redis://127.0.0.1:9"))["REDIS_URL"]
    done = await shell.run("check", REDIS_URL="redis://127.0.0.1:9")
    assert done.returncode == 1
    assert "mend REDIS_URL" in done.stdout


async def test_a_database_that_is_away_is_told(shell: Shell) -> None:
    assert set(await bad(shell, DATABASE_URL="postgresql://x:secret@127.0.0.1:9/none")) == {"DATABASE_URL"}
    done = await shell.run("check", DATABASE_URL="postgresql://x:secret@127.0.0.1:9/none")
    assert "secret" not in done.stdout + done.stderr


async def test_urls_that_are_none_are_told_without_what_is_secret_in_them(shell: Shell) -> None:
    settings = {"REDIS_URL": "redis://:hidden@host:port/0", "DATABASE_URL": "postgresql://u:hidden@host:port/x?y"}
    assert set(await bad(shell, **settings)) == {"REDIS_URL", "DATABASE_URL"}
    for command in ("check", "status", "rooms"):
        done = await shell.run(command, **settings)
        assert done.returncode == 1
        assert "hidden" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


async def test_a_bad_setting_is_told_with_2(shell: Shell) -> None:
    done = await shell.run("check", PORT="eighty")
    assert done.returncode == 2
    assert "PORT='eighty'" in done.stdout
    done = await shell.run("check", "--json", PORT="eighty")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (2, False)


async def test_a_missing_secret_a_taken_port_and_a_silent_provider(shell: Shell, valkey: ValkeyServer) -> None:
    found = await bad(shell, WEBUI_SECRET_KEY="", OPENAI_API_BASE_URL="http://127.0.0.1:9/v1")
    assert set(found) == {"WEBUI_SECRET_KEY", "OPENAI_API_BASE_URL"}
    done = await shell.run("check", PORT=valkey.port)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{valkey.port}" in done.stdout


async def test_an_eviction_policy_that_loses_data_is_told(own_valkey: ValkeyServer, own_fleet: Fleet) -> None:
    with own_valkey.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    assert "an evicted stream is lost data" in (await bad(Shell(own_fleet)))["REDIS_URL"]


async def test_a_replica_is_told(own_valkey: ValkeyServer, own_fleet: Fleet, valkey: ValkeyServer) -> None:
    with own_valkey.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(valkey.port))
    assert "takes no appends" in (await bad(Shell(own_fleet)))["REDIS_URL"]


async def test_a_user_of_the_log_may_do_too_little(shell: Shell, tmp_path: Path) -> None:
    async with guarded_valkey(tmp_path) as valkey:
        guarded = Shell(Fleet(valkey.url("node"), shell.fleet.database_url, "rl"))
        secrets = valkey.granted("node", tmp_path)
        assert await bad(guarded, secrets_dir=secrets) == {}
        with valkey.client("operator") as operator:
            operator.execute_command("ACL", "SETUSER", "node", "-xadd", "-xlen")
        found = (await bad(guarded, secrets_dir=secrets))["REDIS_URL"]
        assert "xadd" in found
        assert "(and 1 more)" in found
        with valkey.client("operator") as operator:
            operator.execute_command("ACL", "SETUSER", "node", "+xadd", "+xlen")
        assert "key" in (await bad(guarded, secrets_dir=secrets, REDIS_KEY_PREFIX="other"))["REDIS_URL"]


async def test_a_worker_needs_a_worker_s_rights(shell: Shell, tmp_path: Path) -> None:
    async with guarded_valkey(tmp_path) as valkey:
        guarded = Shell(Fleet(valkey.url("worker"), shell.fleet.database_url, "rl"))
        settings = {"SECRETS_DIR": valkey.granted("worker", tmp_path), "WEBUI_SECRET_KEY": ""}
        done = await guarded.run("check", "--for", "worker", **settings)
        assert done.returncode == 0, done.stdout
        assert "its user may do all that a worker does" in done.stdout
        assert (await guarded.run("check", **settings)).returncode == 1


@pytest.mark.parametrize("program", sorted(PROGRAMS.keys() - {"producer"}))
def test_every_right_of_a_program_is_tried(program: Any) -> None:
    def names(words: list[str]) -> str:
        inner = words[0] in ("memory", "script", "xgroup", "xinfo")
        return "|".join(words[:2]) if inner else words[0]

    tried = {names(words) for words in commands(program)}
    assert tried == {rule[1:] for rule in rules()[program] if rule.startswith("+")} - UNTRIED


async def test_an_empty_database_waits_for_its_migrations(shell: Shell, postgres: Postgres) -> None:
    with postgres.database(template="template0") as url:
        done = await shell.run("check", PORT=free_port(), DATABASE_URL=as_url(url))
        assert done.returncode == 0, done.stdout
        assert f"{len(versions())} migrations wait" in done.stdout


async def test_tables_of_another_version_or_of_another_user_are_told(shell: Shell, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        made = {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        assert made == {*TABLES, "alembic_version"}
        connection.execute("CREATE ROLE stranger LOGIN")
        try:
            connection.execute("GRANT SELECT ON alembic_version, rooms TO stranger")
            foreign = shell.fleet.database_url.replace("postgres@", "stranger@", 1)
            assert "may not read and write channel_marks" in (await bad(shell, DATABASE_URL=foreign))["DATABASE_URL"]
        finally:
            connection.execute("DROP OWNED BY stranger")
            connection.execute("DROP ROLE stranger")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "9999, which this Roomlog does not know" in (await bad(shell))["DATABASE_URL"]


async def test_without_servers_the_embedded_ones_would_be_used(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    settings = {"REDIS_URL": "", "DATABASE_URL": "", "WEBUI_SECRET_KEY": "", "ROOMLOG_DATA_DIR": folder}
    shown = await shell.says("check", PORT=free_port(), **settings)
    assert f"embedded ones would be started in {folder}" in shown
    assert not folder.exists()


async def test_a_data_folder_that_cannot_be_made_is_told(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "ROOMLOG_DATA_DIR" in await bad(shell, REDIS_URL="", ROOMLOG_DATA_DIR=tmp_path / "file" / "data")
