"""Metrics of real nodes and workers: what they say is what happened, and their labels are the listed ones."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from app.metrics import NODE
from tests.contract.clients import Listener
from tests.support.nodes import Api, Fleet, eventually, token
from tests.support.valkey import free_port
from workers.metrics import catalogue_of
from workers.tally import Tally

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(url: str) -> Series:
    """Every sample at an address, by name and labels."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as prometheus:
        answer = await prometheus.get(f"{url}/metrics")
    assert answer.status_code == 200
    found: Series = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


async def becomes(url: str, name: str, expected: float, **labels: str) -> None:
    """Wait until a series has a value: what is read of the servers is at most seconds old."""

    async def is_so() -> bool:
        return value(await scraped(url), name, **labels) == expected

    await eventually(is_so, 30)


async def test_a_node_counts_what_it_did(fleet: Fleet) -> None:
    node = await fleet.node()
    api = Api(node.url)
    async with Listener() as page, Listener() as stranger:
        await page.open(node.url, token())
        with contextlib.suppress(Exception):
            await stranger.open(node.url, token(exp=1))
        chat = await api.new_chat()
        for word in ("one ", "two "):
            await api.emit(chat, "message", {"content": word})
        await eventually(lambda: page.words == ["one", "two"])
        assert (await api.client.get("/api/v1/chats/x", headers={"Authorization": "Bearer no"})).status_code == 401
        found = await scraped(node.url)
        assert value(found, "roomlog_connections") == 1
        assert value(found, "roomlog_appends_total", outcome="appended") >= 2
        assert value(found, "roomlog_append_to_socket_seconds_count") >= 1
        assert value(found, "roomlog_delivered_events_total") >= 2
        assert value(found, "roomlog_auth_failures_total", where="connect") == 1
        assert value(found, "roomlog_auth_failures_total", where="http") == 1
        assert value(found, "roomlog_ready") == 1
        assert value(found, "roomlog_draining") == 0
        assert value(found, "roomlog_log_disk_ok") == 1
        assert 0 < value(found, "roomlog_log_memory_bytes") < value(found, "roomlog_log_memory_max_bytes")
        assert abs(value(found, "roomlog_clock_offset_seconds")) < 1
        assert value(found, "process_resident_memory_bytes") > 1e6
        assert value(found, "roomlog_resumes_total", outcome="recovered") == 0
        await page.drop()
        await page.open(node.url, token())
        await eventually(lambda: page.contents)
    await api.aclose()


async def test_labels_are_bounded_and_every_metric_is_listed(fleet: Fleet) -> None:
    async with fleet.inside(embedded_worker=False) as node:
        api = Api(node.url)
        await api.emit(await api.new_chat(), "message", {"content": "words"})
        await api.aclose()
        found = await scraped(node.url)
    listed = {family.name: family for family in NODE.families}
    for name, pairs in found:
        if not name.startswith("roomlog_"):
            continue
        base = name if name in listed else name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        for label, shown in pairs:
            allowed = listed[base].labels.get(label, ())
            assert label == "le" or not allowed or shown in allowed, (name, label, shown)


async def test_what_waits_for_a_worker_is_seen_by_every_node_until_one_folds(fleet: Fleet) -> None:
    node, other, port = await fleet.node(), await fleet.node(), free_port()
    api = Api(node.url)
    chat = await api.new_chat()
    for number in range(5):
        await api.emit(chat, "message", {"content": f"{number} "})
    for url in (node.url, other.url):
        await becomes(url, "roomlog_fold_waiting_rooms", 1)
        await becomes(url, "roomlog_workers", 0)
        await becomes(url, "roomlog_nodes", 2)
        found = await scraped(url)
        assert value(found, "roomlog_fold_lag_entries") >= 5
        assert value(found, "roomlog_fold_lag_seconds") > 0
    fleet.worker(worker_metrics_port=port)
    for url in (node.url, other.url):
        await becomes(url, "roomlog_fold_waiting_rooms", 0)
        await becomes(url, "roomlog_fold_lag_entries", 0)
        await becomes(url, "roomlog_workers", 1)
    worker = await scraped(f"http://127.0.0.1:{port}")
    assert value(worker, "roomlog_folded_entries_total") >= 5
    assert value(worker, "roomlog_fold_transactions_total") >= 1
    assert value(worker, "roomlog_worker_sql_ok") == 1
    assert value(worker, "process_cpu_seconds_total") > 0
    async with httpx.AsyncClient(trust_env=False) as anybody:
        assert (await anybody.get(f"http://127.0.0.1:{port}/livez")).json() == {"status": "alive"}
        assert (await anybody.get(f"http://127.0.0.1:{port}/")).status_code == 404
    await api.aclose()


async def test_what_cannot_be_known_is_not_a_number_and_the_reason_is_told(own_fleet: Fleet, own_valkey: Any) -> None:
    node = await own_fleet.node()
    await becomes(node.url, "roomlog_ready", 1)
    own_valkey.kill()
    await becomes(node.url, "roomlog_unready", 1, reason="log")
    found = await scraped(node.url)
    assert value(found, "roomlog_ready") == 0
    assert math.isnan(value(found, "roomlog_fold_lag_seconds"))
    own_valkey.start()
    await becomes(node.url, "roomlog_ready", 1)
    await becomes(node.url, "roomlog_unready", 0, reason="log")
    assert value(await scraped(node.url), "roomlog_epoch_resets_total") == 1


async def test_a_worker_whose_port_is_taken_says_so_in_one_line(fleet: Fleet) -> None:
    node = await fleet.node()
    worker = fleet.worker(worker_metrics_port=node.port)
    await eventually(lambda: worker.process is not None and worker.process.poll() is not None, 30)
    assert worker.process is not None
    assert worker.process.returncode == 1
    assert f"WORKER_METRICS_PORT: cannot listen on 127.0.0.1:{node.port}" in worker.text()
    assert "Traceback" not in worker.text()


def test_names_follow_the_conventions() -> None:
    for family in (*NODE.families, *catalogue_of(Tally()).families):
        assert family.name.startswith("roomlog_")
        assert family.meaning.endswith(".")
        assert family.question.endswith("?")
        assert (family.kind == "counter") == family.name.endswith("_total")
        assert not any(unit in family.name for unit in ("_ms", "_minutes", "_kb", "_percent"))
