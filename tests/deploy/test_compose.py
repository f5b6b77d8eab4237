"""compose.yml: by the Compose specification's own schema, and what Roomlog promises about it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]  # it ships no types

from app.settings import Settings
from tests.deploy.leaving import duration_s, interpolated, needed_s

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
OURS = {"node1", "node2", "worker"}
OF_OTHERS = {"grafana": "GF_", "postgres": "POSTGRES_", "redis-exporter": "REDIS_", "postgres-exporter": "DATA_SOURCE_"}
"""How the environment variables of images that are not ours begin."""


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return read(ROOT / "compose.yml")


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = compose["services"]
    return made


@pytest.mark.parametrize("path", [ROOT / "compose.yml", DEPLOY / "compose.tls.yml"], ids=lambda path: path.name)
def test_it_is_what_the_specification_asks_for(path: Path) -> None:
    """The schema of https://compose-spec.io, as check-jsonschema carries it. Unknown keys are errors."""
    jsonschema.validate(read(path), get_builtin_schema("vendor.compose-spec"))


def test_the_schema_would_see_a_misspelt_key(compose: dict[str, Any]) -> None:
    wrong = compose | {"services": {"node1": {"image": "roomlog", "read-only": True}}}
    with pytest.raises(jsonschema.ValidationError, match="read-only"):
        jsonschema.validate(wrong, get_builtin_schema("vendor.compose-spec"))


def test_every_name_that_it_refers_to_exists(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert set(service["networks"]) <= set(compose["networks"]), name
        for secret in service.get("secrets", []):
            assert (secret["source"] if isinstance(secret, dict) else secret) in compose["secrets"], name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"], volume


def test_nodes_and_workers_are_given_settings_that_there_are(services: dict[str, dict[str, Any]]) -> None:
    """By environment and by secret: a misspelt name would be ignored in silence."""
    for name in OURS:
        given = {key.lower() for key in services[name]["environment"]}
        given |= {secret["target"] if isinstance(secret, dict) else secret for secret in services[name]["secrets"]}
        assert given <= set(Settings.model_fields), name
    for name, service in services.items():
        if name not in OURS:
            assert all(key.startswith(OF_OTHERS[name]) for key in service.get("environment", {})), name


def test_no_secret_is_in_the_file_nor_in_an_environment_nor_a_command(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASS|SECRET|KEY", key):
                assert re.fullmatch(r"/run/secrets/\w+", value), f"{name}: {key}"
                assert key.endswith("FILE"), f"{name}: {key}"
            assert not re.search(r"://[^/]*:[^/]*@", str(value)), f"{name}: {key}"
        assert "pass" not in str(service.get("command", "")), name


def test_every_service_is_hardened_bounded_and_pinned(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
        if "build" not in service:
            assert re.search(r":v?\d+\.\d+(\.\d+)?(-alpine)?$", service["image"]), name
        published = [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
        assert not published, name


def test_what_can_be_checked_is_and_what_is_needed_is_waited_for(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if name.endswith("-exporter"):
            continue  # their images have no shell; Prometheus tells when one is away
        assert "healthcheck" in service or "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(), name
        for needed in service.get("depends_on", {}).values():
            assert needed == {"condition": "service_healthy"}, name


@pytest.mark.parametrize("given", [{}, {"DRAIN_SECONDS": "0"}, {"DRAIN_SECONDS": "90"}, {"DRAIN_SECONDS": "2.5"}])
def test_a_node_has_the_time_to_drain(services: dict[str, dict[str, Any]], given: dict[str, str]) -> None:
    """However long that is said to be: one variable says both."""
    for name in ("node1", "node2"):
        drain_s = float(interpolated(services[name]["environment"]["DRAIN_SECONDS"], given))
        assert duration_s(interpolated(services[name]["stop_grace_period"], given)) >= needed_s(drain_s)


def test_nothing_but_nginx_and_what_needs_it_is_where_the_world_comes_in(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    assert compose["networks"]["back"] == {"internal": True}
    assert {name for name, service in services.items() if "front" in service["networks"]} == {
        "nginx",
        "node1",
        "node2",
        "grafana",
    }
    assert {name for name, service in services.items() if "ports" in service} == {"nginx", "grafana"}


def test_valkey_evicts_nothing_and_writes_its_file_within_its_memory(services: dict[str, dict[str, Any]]) -> None:
    configuration = (DEPLOY / "valkey" / "valkey.conf").read_text()
    for line in ("maxmemory-policy noeviction", "appendonly yes", "aclfile /run/secrets/valkey_users"):
        assert f"\n{line}\n" in configuration
    assert "maxmemory 2gb" in configuration
    assert services["valkey"]["deploy"]["resources"]["limits"]["memory"] == "3g"


def test_nginx_and_prometheus_know_every_node(services: dict[str, dict[str, Any]]) -> None:
    nodes = {name for name in services if re.fullmatch(r"node\d+", name)}
    upstreams = re.findall(r"upstream \w+ \{(.*?)\}", (DEPLOY / "nginx.conf").read_text(), re.DOTALL)
    assert len(upstreams) == 2
    assert all(set(re.findall(r"server (\w+):8080", upstream)) == nodes for upstream in upstreams)
    jobs = {job["job_name"]: job for job in read(DEPLOY / "prometheus" / "prometheus.yml")["scrape_configs"]}
    assert {target.split(":")[0] for target in jobs["roomlog-node"]["static_configs"][0]["targets"]} == nodes
    (workers,) = jobs["roomlog-worker"]["dns_sd_configs"]
    assert workers["names"] == ["worker"]
    assert workers["port"] == services["worker"]["environment"]["WORKER_METRICS_PORT"]


def test_prometheus_and_grafana_find_their_files_where_they_are_mounted(services: dict[str, dict[str, Any]]) -> None:
    prometheus = read(DEPLOY / "prometheus" / "prometheus.yml")
    mounts = {volume.split(":")[1] for volume in services["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{file}" for file in prometheus["rule_files"]} <= mounts
    provisioning = DEPLOY / "grafana" / "provisioning"
    (provider,) = read(provisioning / "dashboards" / "roomlog.yml")["providers"]
    assert provider["options"]["path"] in {volume.split(":")[1] for volume in services["grafana"]["volumes"]}
    (source,) = read(provisioning / "datasources" / "prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    json.loads((DEPLOY / "grafana" / "dashboards" / "roomlog.json").read_text())


def test_the_secrets_that_it_wants_are_made_once_and_kept(compose: dict[str, Any], tmp_path: Path) -> None:
    """In a folder for its owner only; Valkey is told hashes, never passwords."""

    def make() -> dict[str, str]:
        subprocess.run([str(DEPLOY / "make-secrets.sh"), str(tmp_path / "secrets")], check=True, capture_output=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    first = make()
    assert {Path(secret["file"]).name for secret in compose["secrets"].values()} <= set(first)
    assert make() == first
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    passwords = [value for name, value in first.items() if not name.endswith(".acl")]
    assert all(len(password) == 64 for password in passwords)
    assert len(set(passwords)) == len(passwords)
    assert not any(password in first["valkey_users.acl"] for password in passwords)
