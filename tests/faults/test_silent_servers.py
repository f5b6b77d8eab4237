"""A server that is up and says nothing: a node tells which, to whoever asks, before the asker gives up."""

from __future__ import annotations

import logging
import signal

import httpx
import psycopg
import pytest

from tests.support.nodes import Fleet, LocalNode, eventually
from tests.support.valkey import ValkeyServer

SCRAPED_WITHIN_S = 10.0
"""Prometheus' own limit: a node that takes longer is taken for dead."""


async def unready_for(node: LocalNode) -> set[str]:
    """The reasons that /readyz and /metrics give alike."""
    async with httpx.AsyncClient(base_url=node.url, trust_env=False, timeout=SCRAPED_WITHIN_S) as anybody:
        answer = await anybody.get("/readyz")
        reasons = {reason.partition(":")[0] for reason in answer.json()["reasons"]}
        assert answer.status_code == (503 if reasons else 200)
        lines = (await anybody.get("/metrics")).text.splitlines()
    told = {line.partition('"')[2].partition('"')[0] for line in lines if line.startswith("roomlog_unready{")}
    shown = {reason for reason in told if f'roomlog_unready{{reason="{reason}"}} 1.0' in lines}
    return reasons & shown


async def test_a_silent_database_is_named(fleet: Fleet) -> None:
    async with fleet.inside() as node:
        with psycopg.connect(fleet.database_url) as sql:
            sql.execute("LOCK TABLE rooms IN ACCESS EXCLUSIVE MODE")
            assert await unready_for(node) == {"sql"}
            assert await unready_for(node) == {"sql"}

        async def well() -> bool:
            async with httpx.AsyncClient(base_url=node.url, trust_env=False) as anybody:
                return (await anybody.get("/readyz")).is_success

        await eventually(well)


async def test_a_node_whose_database_is_silent_stops(fleet: Fleet) -> None:
    with psycopg.connect(fleet.database_url) as sql:
        async with fleet.inside() as node:
            sql.execute("LOCK TABLE rooms IN ACCESS EXCLUSIVE MODE")
            assert await unready_for(node) == {"sql"}


async def test_a_silent_log_is_named(own_fleet: Fleet, own_valkey: ValkeyServer) -> None:
    async with own_fleet.inside() as node:
        own_valkey.signal(signal.SIGSTOP)
        try:
            assert "log" in await unready_for(node)
        finally:
            own_valkey.signal(signal.SIGCONT)


async def test_an_outage_is_a_line_when_it_begins_and_one_when_it_ends(
    own_fleet: Fleet, own_valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    worker = own_fleet.worker()
    async with own_fleet.inside():
        caplog.set_level(logging.DEBUG, "roomlog")
        await eventually(lambda: "is at work" in worker.text())
        own_valkey.kill()
        try:
            await eventually(lambda: caplog.text.count("lost its link") > 3)
            await eventually(lambda: caplog.text.count("cannot report itself") > 2, 30)
            await eventually(lambda: "cannot report itself" in worker.text())
        finally:
            own_valkey.start()
        await eventually(lambda: "this node reports itself again" in caplog.text)
        await eventually(lambda: "this worker reports itself again" in worker.text())
        warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert sum("the tail at" in line for line in warned) == 1
        assert sum("the bus lost its link" in line for line in warned) == 1
        assert sum("cannot report itself" in line for line in warned) == 1
        assert worker.text().count("cannot report itself") == 1
