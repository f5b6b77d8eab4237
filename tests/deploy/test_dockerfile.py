"""The Dockerfile: what can be said of it by reading, and, when asked for, its steps run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.deploy.dockerfile import ROOT, Step, context, steps
from tests.support.nodes import Fleet
from tests.support.valkey import free_port

ASKED = os.environ.get("ROOMLOG_TEST_DOCKERFILE") == "1"


@pytest.fixture(scope="module")
def stages() -> dict[str, list[Step]]:
    """The steps of each stage by its name; the last one is `final`."""
    found: dict[str, list[Step]] = {}
    for step in steps((ROOT / "Dockerfile").read_text()):
        if step.name == "FROM":
            name = step.rest.partition(" AS ")[2] or "final"
            found[name] = []
        found[name].append(step)
    return found


def test_the_image_is_several_stages_and_its_user_is_nobody_special(stages: dict[str, list[Step]]) -> None:
    final = {step.name: step for step in stages["final"]}
    assert set(stages) == {"pages", "packages", "wheel", "final"}
    assert final["USER"].rest == "roomlog"
    assert "--uid 10001 " in next(step.rest for step in stages["final"] if "useradd" in step.rest)
    assert "/readyz" in final["HEALTHCHECK"].rest
    assert not any(step.name == "COPY" and not step.options for step in stages["final"]), "sources are not in the image"


def test_every_stage_and_file_that_it_copies_is_there(stages: dict[str, list[Step]]) -> None:
    given = context()
    for step in (step for each in stages.values() for step in each if step.name == "COPY"):
        (stage,) = [option.removeprefix("--from=") for option in step.options] or [""]
        source = step.rest.split()[0]
        found = stage in stages if stage else any(file == source or file.startswith(f"{source}/") for file in given)
        assert found or source == ".", step


def test_packages_have_a_layer_that_our_own_changes_leave_alone(stages: dict[str, list[Step]]) -> None:
    copied = [step.rest for step in stages["packages"] if step.name == "COPY"]
    assert copied == ["requirements.txt ."]
    assert all("--require-hashes" in step.rest for step in stages["packages"] if "pip install" in step.rest)


def test_a_build_is_given_what_it_needs_and_no_secret() -> None:
    given = context()
    assert {"pyproject.toml", "README.md", "LICENSE", "streams/lua/append.lua", "web/pages/package.json"} <= set(given)
    for folder in ("tests/", "secrets/", ".git/", "docs/", "bench/"):
        assert not any(file.startswith(folder) for file in given), folder
    assert not any(Path(file).name in (".env", "webui_secret_key") for file in given)


@asynccontextmanager
async def over_tcp(database_url: str) -> AsyncIterator[str]:
    """The database's URL for a user who may not enter the folder of its socket."""
    parts = urlsplit(database_url)
    path = parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432"

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(path)
        await asyncio.gather(pumped(reader, server_writer), pumped(server_reader, writer))

    async def pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
        writer.close()

    port = free_port()
    async with await asyncio.start_server(relay, "127.0.0.1", port):
        yield f"postgresql://postgres@127.0.0.1:{port}{parts.path}"


@pytest.mark.skipif(not ASKED, reason="minutes, as root, with registries: ROOMLOG_TEST_DOCKERFILE=1")
@pytest.mark.timeout(1200)
async def test_its_steps_make_an_image_whose_node_is_healthy_and_leaves_when_told(fleet: Fleet, tmp_path: Path) -> None:
    fleet.worker()
    async with over_tcp(fleet.database_url) as database_url:
        told = fleet.env(port=free_port(), drain_seconds=0, database_url=database_url)
        names = ("REDIS_URL", "DATABASE_URL", "REDIS_KEY_PREFIX", "PORT", "DRAIN_SECONDS", "WEBUI_SECRET_KEY")
        pairs = [f"--env={name}={told[name]}" for name in names]
        command = ["unshare", "--mount", sys.executable, "-m", "tests.deploy.dockerfile", *pairs, "--healthy"]
        building = await asyncio.create_subprocess_exec(
            *command, str(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await building.communicate()
    assert building.returncode == 0, output.decode()[-5000:]
    assert b"=== healthy: True" in output
