"""What operators see is so: of live processes, of dead ones, and while a server is away."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from typing import Any

import psycopg
import pytest

from registry.nodes import NodeFacts, Nodes
from streams.append import Appender, NewEntry
from streams.entry import Position
from streams.link import Link
from tests.contract.clients import listening
from tests.support.admins import Admin, overseeing
from tests.support.nodes import Fleet, bearer, eventually
from tests.support.valkey import ValkeyServer


def advised(seen: Any) -> set[str]:
    return {advice["about"] for advice in seen["advice"]}


async def test_the_overview_tells_of_every_process_and_of_a_worker_that_was_killed(fleet: Fleet) -> None:
    worker = fleet.worker()
    async with fleet.inside() as one, fleet.inside() as other, overseeing(one.url) as admin:
        async with listening(other.url, "alice"):

            async def at_work() -> Any:
                seen = await admin.get("overview")
                busy = {node["name"]: node["connections"] for node in seen["nodes"]} == {
                    one.node.name: 0,
                    other.node.name: 1,
                }
                return seen if busy and seen["workers"] and seen["workers"][0]["folded_s"] is not None else None

            seen = await eventually(at_work)
        assert seen["redis"]["ok"]
        assert seen["postgres"]["ok"]
        assert seen["totals"]["connections"] == seen["totals"]["users"] == 1
        assert all(node["alive"] and node["behind_ms"] < 5_000 for node in seen["nodes"])
        assert all(node["rss_bytes"] > 1 << 20 and node["tail_age_s"] < 30 for node in seen["nodes"])
        (report,) = seen["workers"]
        assert (report["alive"], report["sql_ok"], report["claims"]) == (True, True, 0)
        worker.kill()

        async def dead() -> Any:
            seen = await admin.get("overview")
            return seen if not any(worker["alive"] for worker in seen["workers"]) else None

        assert {f"worker:{report['name']}", "fold"} <= advised(await eventually(dead, 30))


async def test_a_node_is_behind_by_the_age_of_what_it_has_not_delivered(link: Link, appender: Appender) -> None:
    client = link.client(connections=1)
    nodes = Nodes(link.keys, client)
    newest = await append(appender)
    await eventually(lambda: is_older(client, newest.ms, 50))
    await nodes.report("behind", newest.previous, NodeFacts())
    await nodes.report("level", newest, NodeFacts())
    behind, level = await nodes.reports()
    assert (behind.name, level.name) == ("behind", "level")
    assert behind.behind_ms is not None
    assert behind.behind_ms >= 50
    assert level.behind_ms == 0


async def is_older(client: Any, ms: int, by_ms: int) -> bool:
    seconds, micros = await client.time()
    return bool(seconds * 1000 + micros / 1000 - ms > by_ms)


async def append(appender: Appender) -> Position:
    return (await appender.append(NewEntry("chat:c", "events", b"{}"))).position


async def test_without_the_log_the_overview_says_so_to_admins_alone(own_fleet: Fleet, own_valkey: ValkeyServer) -> None:
    async with own_fleet.inside() as node, overseeing(node.url) as admin:
        await admin.get("overview")
        own_valkey.signal(signal.SIGSTOP)
        seen = await admin.get("overview")
        assert (seen["redis"]["ok"], seen["postgres"]["ok"], seen["position"]) == (False, True, None)
        assert seen["totals"]["rooms"] is None
        assert advised(seen) == {"redis"}
        refused = await admin.client.get("/api/v1/admin/overview", headers=bearer("eve"))
        assert refused.status_code == 403
        assert (await admin.client.get("/api/v1/admin/rooms")).status_code == 503
        own_valkey.signal(signal.SIGCONT)

        async def back() -> bool:
            return bool((await admin.get("overview"))["redis"]["ok"])

        await eventually(back)


async def test_a_full_log_is_what_is_wrong_and_nobody_is_taken_for_dead(
    own_fleet: Fleet, own_valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports of nodes and workers are taken also where appends are refused."""
    own_fleet.worker()
    async with own_fleet.inside() as node, overseeing(node.url) as admin:
        await eventually(lambda: working(admin))
        with closing(own_valkey.client()) as client:
            client.config_set("maxmemory", 1_000_000)
            full_since_ms = (await admin.get("overview"))["time_ms"]

        async def reported_since() -> Any:
            seen = await admin.get("overview")
            processes = [*seen["nodes"], *seen["workers"]]
            return all(seen["time_ms"] - 1000 * one["seen_s"] > full_since_ms for one in processes) and seen

        seen = await eventually(reported_since)
        assert all(process["alive"] for process in [*seen["nodes"], *seen["workers"]])
        assert [(advice["level"], advice["about"]) for advice in seen["advice"]] == [("bad", "redis")]
        assert "is full" in seen["advice"][0]["what"]
        ready = await eventually(lambda: unready(admin))
        assert [reason.partition(":")[0] for reason in ready] == ["full"]
        assert caplog.text.count("refuses appends: raise its maxmemory") == 1
        assert 'roomlog_unready{reason="full"} 1.0' in (await admin.client.get("/metrics")).text


async def working(admin: Admin) -> bool:
    return bool((await admin.get("overview"))["workers"])


async def unready(admin: Admin) -> Any:
    return (await admin.client.get("/readyz")).json().get("reasons")


async def test_without_the_log_a_demoted_admin_sees_nothing(own_fleet: Fleet, own_valkey: ValkeyServer) -> None:
    async with own_fleet.inside() as node, overseeing(node.url) as admin:
        boss = Admin(node.url, "boss")
        await boss.get("overview")

        async def demoted() -> bool:
            answer = await admin.client.post("/api/v1/users/boss/update", json={"role": "user"})
            return bool(answer.status_code == 200)

        await eventually(demoted)
        own_valkey.signal(signal.SIGSTOP)
        assert (await boss.client.get("/api/v1/admin/overview")).status_code == 403
        own_valkey.signal(signal.SIGCONT)
        await boss.aclose()


async def test_without_the_database_the_overview_and_the_rooms_answer(fleet: Fleet) -> None:
    async with fleet.inside() as node, overseeing(node.url) as admin:
        await admin.get("overview")  # from here on the role is known without the database
        chat = await admin.new_chat()
        name = fleet.database_url.partition("@/")[2].partition("?")[0]
        with psycopg.connect(fleet.database_url.replace(f"@/{name}?", "@/postgres?"), autocommit=True) as sql:
            sql.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            sql.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            try:
                seen = await admin.get("overview")
                assert (seen["redis"]["ok"], seen["postgres"]["ok"]) == (True, False)
                assert "postgres" in advised(seen)
                listed = await admin.get("rooms", q="user:root")
                assert [room["room"] for room in listed["rooms"]] == ["user:root"]
                assert chat
            finally:
                sql.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


async def test_who_did_what_is_logged_whatever_the_level(fleet: Fleet) -> None:
    node = await fleet.node(log_level="ERROR", log_format="json")
    async with overseeing(node.url) as admin:
        await admin.post("users/mallory/revoke")
        (action,) = (await admin.get("audit"))["actions"]
    (line,) = [json.loads(line) for line in node.text().splitlines() if "roomlog.audit" in line]
    told = (line["user"], line["action"], line["target"], line["outcome"])
    assert told == (action["user_id"], action["action"], action["target"], action["outcome"])
    assert told == ("root", "user.revoke", "mallory", "done")
