"""compose.yml: the shape that the Compose specification asks for, and what Roomlog promises about it."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

# A small schema of our own for the part of the specification that the file uses (https://compose-spec.io): unknown keys
# are errors, so that a misspelt one does not pass.
STRINGS = {"type": "array", "items": {"type": "string"}}
COMMAND = {"oneOf": [{"type": "string"}, STRINGS]}
DURATION = {"type": "string", "pattern": r"^(\d+(us|ms|s|m|h))+$"}
SCALAR = {"type": ["string", "number", "boolean", "null"]}
HEALTHCHECK = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "disable": {"type": "boolean"},
        "test": COMMAND,
        "interval": DURATION,
        "timeout": DURATION,
        "start_period": DURATION,
        "retries": {"type": "integer"},
    },
}
CONDITIONS = ["service_started", "service_healthy", "service_completed_successfully"]
DEPENDS_ON = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["condition"],
        "properties": {"condition": {"enum": CONDITIONS}},
    },
}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [{"required": ["image"]}, {"required": ["build"]}],
    "properties": {
        "build": {"type": "string"},
        "image": {"type": "string"},
        "command": COMMAND,
        "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
        "init": {"type": "boolean"},
        "read_only": {"type": "boolean"},
        "tmpfs": STRINGS,
        "cap_drop": STRINGS,
        "security_opt": STRINGS,
        "stop_grace_period": DURATION,
        "environment": {"type": "object", "additionalProperties": SCALAR},
        "depends_on": DEPENDS_ON,
        "expose": STRINGS,
        "ports": STRINGS,
        "volumes": STRINGS,
        "shm_size": {"type": "string"},
        "healthcheck": HEALTHCHECK,
    },
}
SCHEMA = {
    "type": "object",
    "required": ["services"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]*$"},
        "services": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {"^[a-zA-Z0-9._-]+$": SERVICE},
        },
        "volumes": {"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    },
}


@pytest.fixture
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "compose.yml").read_text())
    return content


def test_it_has_the_shape_that_compose_asks_for(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, SCHEMA)


def test_every_name_that_it_refers_to_exists(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"]


def test_two_nodes_a_worker_and_their_servers_are_there_and_what_can_be_checked_is(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"valkey", "postgres", "node1", "node2", "worker", "nginx"}
    for name, service in compose["services"].items():
        assert ("test" in service["healthcheck"]) is (name != "worker"), name


def test_no_password_is_in_the_file(compose: dict[str, Any]) -> None:
    """What is secret comes from the environment, and its absence stops the start."""
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET", name):
                assert re.fullmatch(r"\$\{\w+:\?set it in \.env\}", value), name
            assert not re.search(r"://[^/$]*:[^$/]*@", str(value)), name


def test_valkey_evicts_nothing_and_writes_its_file(compose: dict[str, Any]) -> None:
    command = " ".join(compose["services"]["valkey"]["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_nginx_knows_the_nodes_and_waits_longer_than_a_ping_takes(compose: dict[str, Any]) -> None:
    configuration = (ROOT / "deploy" / "nginx.conf").read_text()
    nodes = {name for name in compose["services"] if name.startswith("node")}
    assert set(re.findall(r"server (\w+):8080", configuration)) == nodes
    assert "proxy_set_header Upgrade $http_upgrade;" in configuration
    (timeout_s,) = re.findall(r"proxy_read_timeout (\d+)s", configuration)
    assert int(timeout_s) > 25 + 20
    assert configuration.count("{") == configuration.count("}")
