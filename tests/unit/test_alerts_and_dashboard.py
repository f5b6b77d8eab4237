"""Alert rules and the dashboard ask only for what our processes export; the rules fire when they must."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import generate_latest

from app.metrics import NODE
from telemetry.catalogue import Catalogue, Family
from workers.metrics import catalogue_of
from workers.tally import Tally

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
TESTS = DEPLOY / "prometheus" / "tests.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "roomlog.json"

OF_PROMETHEUS = {"up"}
WITH_PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool comes with Prometheus; no package of Python has it"
)
SCRAPED = {"job", "instance"}
OF_ANY_PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def _exported(catalogue: Catalogue) -> dict[str, Family]:
    return {family.name: family for family in catalogue.families}


EXPORTED = _exported(NODE) | _exported(catalogue_of(Tally()))


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def queries() -> list[str]:
    """Every query of the dashboard, with Grafana's own variables filled in."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [one["expr"] for one in dashboard["annotations"]["list"]]
    return [one.replace("$__rate_interval", "1m").replace("$instance", ".*") for one in found]


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    found: list[promql_parser.VectorSelector] = []

    def look(part: Any) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            found.append(part)

    promql_parser.walk(promql_parser.parse(expression), look)
    return found


def faults(expression: str) -> Iterator[str]:
    """What an expression asks for and nobody exports."""
    for selector in selectors(expression):
        name = str(selector.name)
        if name in OF_PROMETHEUS or name in OF_ANY_PROCESS:
            continue
        family = EXPORTED.get(name) or EXPORTED.get(re.sub("_(bucket|sum|count)$", "", name))
        if family is None or (family.kind == "histogram") == (family.name == name):
            yield f"{name} is not exported"
            continue
        for matcher in selector.matchers.matchers:
            if matcher.name in SCRAPED:
                continue
            known = family.labels.get(matcher.name, ())
            yield from (f"{name}: no {matcher.name}={one}" for one in matcher.value.split("|") if one not in known)


@pytest.mark.parametrize("expression", [rule["expr"] for rule in alerts()] + queries())
def test_what_is_asked_for_is_exported(expression: str) -> None:
    assert selectors(expression)
    assert list(faults(expression)) == []


@pytest.mark.parametrize("expression", [rule["expr"] for rule in alerts()] + queries())
def test_nothing_depends_on_the_name_of_a_job(expression: str) -> None:
    """compose.yml's Prometheus has other names than one that goes by Kubernetes' annotations."""
    assert "job" not in {matcher.name for selector in selectors(expression) for matcher in selector.matchers.matchers}


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum(roomlog_gone) > 0", "roomlog_gone is not exported"),
        ("roomlog_append_to_socket_seconds > 1", "roomlog_append_to_socket_seconds is not exported"),
        ('rate(roomlog_appends_total{outcome=~"full|appended"}[5m])', "roomlog_appends_total: no outcome=full"),
        ('roomlog_ready{room="x"}', "roomlog_ready: no room=x"),
    ],
)
def test_what_nobody_exports_is_found(expression: str, fault: str) -> None:
    assert list(faults(expression)) == [fault]


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    anchors = set()
    for rule in alerts():
        assert rule["labels"]["severity"] in ("critical", "warning")
        told = rule["annotations"]
        assert told["summary"]
        assert told["description"].endswith(".")
        assert told["description"].count(". ") >= 1, "what it means, and what to do"
        page, _, anchor = told["runbook_url"].partition("#")
        assert page == "docs/troubleshooting.md"
        anchors.add(anchor)
    assert len(anchors) == len(alerts())


def test_what_wakes_somebody_lasts() -> None:
    """A critical one waits a minute at least, but for what cannot be told later: its figure falls back by itself."""
    at_once = {rule["alert"] for rule in alerts() if rule["for"] == "0m"}
    assert at_once == {"RoomlogDeadLetters", "RoomlogEntriesLost", "RoomlogEpochReset"}
    assert all("[1" in rule["expr"] for rule in alerts() if rule["alert"] in at_once), "kept up by its window"


def test_every_alert_is_tested_to_fire_and_not_to() -> None:
    shown: dict[str, set[bool]] = {}
    for case in yaml.safe_load(TESTS.read_text())["tests"]:
        for one in case["alert_rule_test"]:
            shown.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    assert shown == {rule["alert"]: {True, False} for rule in alerts()}


@WITH_PROMTOOL
def test_the_alerts_fire_when_they_must() -> None:
    run = subprocess.run(
        ["promtool", "test", "rules", TESTS.name], cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@WITH_PROMTOOL
@pytest.mark.parametrize("catalogue", [NODE, catalogue_of(Tally())], ids=["node", "worker"])
def test_prometheus_finds_nothing_to_say_of_our_names(catalogue: Catalogue) -> None:
    exported = generate_latest(catalogue.registry)
    run = subprocess.run(["promtool", "check", "metrics"], input=exported, capture_output=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, b"")


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] + panel["type"] for panel in panels})
    assert all(panel["description"] and panel["targets"] for panel in panels)
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels)
