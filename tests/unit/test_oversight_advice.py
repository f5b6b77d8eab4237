"""Each thing that should worry an operator is said, with what to do; and nothing when all is well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from oversight.advice import advise
from oversight.state import Postgres, Redis, State, Totals
from registry.nodes import NodeReport
from registry.workers import WorkerReport

REDIS = Redis(
    ok=True, role="master", policy="noeviction", aof=True, aof_ok=True, last_save_ok=True, used_bytes=1, max_bytes=100
)
POSTGRES = Postgres(ok=True, version="18.1", migration="1", connections=8, max_connections=100, in_recovery=False)
NODE = NodeReport(name="n", alive=True, seen_s=0.5, position="1-0", behind_ms=20, version="1", slow_clients=0)
WORKER = WorkerReport(name="w", alive=True, seen_s=0.5, version="1", sql_ok=True)
WELL = State(
    time_ms=1,
    version="1",
    position="1-0",
    epoch="1-0",
    nodes=(NODE,),
    workers=(WORKER,),
    redis=REDIS,
    postgres=POSTGRES,
    totals=Totals(oldest_job_s=1.0, dead_letters=0),
)


def told(**changed: Any) -> list[tuple[str, str]]:
    return [(advice.level, advice.about) for advice in advise(replace(WELL, **changed), 30)]


def test_nothing_is_said_when_all_is_well() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({"ok": False, "error": "silent"}, "bad"),
        ({"role": "slave"}, "bad"),
        ({"policy": "allkeys-lru"}, "bad"),
        ({"aof": False, "aof_ok": None}, "warn"),
        ({"aof_ok": False}, "bad"),
        ({"last_save_ok": False}, "warn"),
        ({"used_bytes": 81}, "warn"),
        ({"used_bytes": 96}, "bad"),
        ({"used_bytes": 100}, "bad"),
    ],
)
def test_what_is_wrong_with_redis(changed: dict[str, Any], level: str) -> None:
    assert told(redis=replace(REDIS, **changed)) == [(level, "redis")]


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({"ok": False, "error": "refused"}, "bad"),
        ({"in_recovery": True}, "bad"),
        ({"connections": 95}, "warn"),
        ({"migration": None}, "bad"),
    ],
)
def test_what_is_wrong_with_postgres(changed: dict[str, Any], level: str) -> None:
    assert told(postgres=replace(POSTGRES, **changed)) == [(level, "postgres")]


def test_what_is_wrong_with_workers_and_what_waits_for_them() -> None:
    assert told(workers=()) == [("bad", "fold")]
    assert told(workers=(WORKER, replace(WORKER, name="x", alive=False))) == [("warn", "worker:x")]
    assert told(workers=(replace(WORKER, alive=False),)) == [("bad", "fold"), ("warn", "worker:w")]
    assert told(workers=(replace(WORKER, sql_ok=False),)) == [("warn", "worker:w")]
    assert told(totals=Totals(oldest_job_s=31.0)) == [("bad", "fold")]
    assert told(totals=Totals(dead_letters=1)) == [("warn", "deadletters")]


@pytest.mark.parametrize("refusing", [{"aof_ok": False}, {"last_save_ok": False}, {"role": "slave"}])
def test_silence_says_nothing_where_nobody_can_report(refusing: dict[str, Any]) -> None:
    """A server that refuses what is written refuses reports, too; where somebody reports, it takes them."""
    silent, redis = replace(WORKER, alive=False), replace(REDIS, **refusing)
    away = replace(NODE, alive=False)
    assert {about for _, about in told(redis=redis, nodes=(away,), workers=(silent,))} == {"redis"}
    assert {about for _, about in told(redis=redis, workers=(silent,))} == {"redis", "fold", "worker:w"}


def test_what_is_wrong_with_nodes() -> None:
    other = replace(NODE, name="m", alive=False)
    assert told(nodes=()) == [("bad", "nodes")]
    assert told(nodes=(NODE, other)) == [("warn", "node:m")]
    assert told(nodes=(other,)) == [("bad", "nodes"), ("warn", "node:m")]
    assert told(nodes=(replace(NODE, behind_ms=3_001),)) == [("warn", "node:n")]
    assert told(nodes=(replace(NODE, slow_clients=2),)) == [("ok", "node:n")]
    assert told(nodes=(NODE, replace(NODE, name="m", version="2"))) == [("warn", "nodes")]


def test_without_limits_and_facts_nothing_is_made_up() -> None:
    assert told(redis=Redis(ok=True)) == []
    assert told(postgres=Postgres(ok=True)) == []
