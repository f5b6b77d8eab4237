"""deploy/kubernetes: an example whose parts fit one another, and Roomlog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.routes.table import OPERATIONS
from app.settings import Settings
from tests.deploy.leaving import needed_s

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"


def objects(kind: str) -> dict[str, Any]:
    """The objects of a kind by their name."""
    read = [each for path in FOLDER.glob("*.yaml") for each in yaml.safe_load_all(path.read_text())]
    assert all({"apiVersion", "kind", "metadata"} <= set(each) for each in read)
    return {each["metadata"]["name"]: each for each in read if each["kind"] == kind}


PARTS = ("roomlog-node", "roomlog-worker")


def pod(name: str) -> dict[str, Any]:
    made: dict[str, Any] = objects("Deployment")[name]["spec"]["template"]
    return made


def container(name: str) -> dict[str, Any]:
    (made,) = pod(name)["spec"]["containers"]
    return dict(made)


@pytest.mark.parametrize("name", PARTS)
def test_selectors_find_their_pods(name: str) -> None:
    deployment, labels = objects("Deployment")[name], pod(name)["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert objects("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for spread in pod(name)["spec"].get("topologySpreadConstraints", []):
        assert spread["labelSelector"]["matchLabels"].items() <= labels.items()


def test_the_service_is_for_nodes_alone_and_the_ingress_finds_it() -> None:
    service = objects("Service")["roomlog"]
    assert service["spec"]["selector"].items() <= pod("roomlog-node")["metadata"]["labels"].items()
    assert not service["spec"]["selector"].items() <= pod("roomlog-worker")["metadata"]["labels"].items()
    ports = {port["name"] for port in container("roomlog-node")["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    (rule,) = objects("Ingress")["roomlog"]["spec"]["rules"]
    backends = {path["path"]: path["backend"]["service"] for path in rule["http"]["paths"]}
    assert backends["/"] == {"name": "roomlog", "port": {"name": service["spec"]["ports"][0]["name"]}}
    assert backends["/metrics"]["name"] not in objects("Service")


def test_the_ingress_has_what_sockets_need() -> None:
    said = objects("Ingress")["roomlog"]["metadata"]["annotations"]
    said = {name.removeprefix("nginx.ingress.kubernetes.io/"): value for name, value in said.items()}
    assert int(said["proxy-read-timeout"]) > 25 + 20
    assert said["proxy-buffering"] == "off"
    assert said["upstream-hash-by"] == "$remote_addr"


@pytest.mark.parametrize("name", PARTS)
def test_every_name_is_a_setting_and_every_secret_is_made(name: str) -> None:
    given = {entry["name"].lower() for entry in container(name)["env"]}
    given |= {key.lower() for key in objects("ConfigMap")["roomlog"]["data"]}
    assert given <= set(Settings.model_fields)
    made = (FOLDER.parent / "make-secrets.sh").read_text()
    (secret,) = [volume["secret"] for volume in pod(name)["spec"]["volumes"] if "secret" in volume]
    for item in secret["items"]:
        assert item["path"] in Settings.model_fields
        assert item["key"] in made
    assert {"name": "SECRETS_DIR", "value": container(name)["volumeMounts"][0]["mountPath"]} in container(name)["env"]


def test_probes_ask_for_routes_that_there_are() -> None:
    routes = {operation.path for operation in OPERATIONS}
    node = container("roomlog-node")
    assert node["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert node["livenessProbe"]["httpGet"]["path"] == "/livez"
    probes = [probe for name in PARTS for key, probe in container(name).items() if key.endswith("Probe")]
    assert {probe["httpGet"]["path"] for probe in probes} <= routes
    for name in PARTS:
        ports = {port["name"] for port in container(name)["ports"]}
        assert {probe["httpGet"]["port"] for key, probe in container(name).items() if key.endswith("Probe")} <= ports


@pytest.mark.parametrize("name", PARTS)
def test_prometheus_is_told_where_it_finds_what_the_alert_rules_ask_for(name: str) -> None:
    """By annotations alone: no rule asks for the name of a job, another test says."""
    said = pod(name)["metadata"]["annotations"]
    assert said["prometheus.io/scrape"] == "true"
    assert said["prometheus.io/path"] == "/metrics"
    assert int(said["prometheus.io/port"]) in {port["containerPort"] for port in container(name)["ports"]}
    given = {entry["name"]: entry["value"] for entry in container(name)["env"]}
    assert given.get("WORKER_METRICS_PORT", "8080") == said["prometheus.io/port"]


def test_a_node_has_the_time_to_be_forgotten_and_to_drain() -> None:
    drain_s = float(objects("ConfigMap")["roomlog"]["data"]["DRAIN_SECONDS"])
    (forget_s,) = re.findall(r"\d+", str(container("roomlog-node")["lifecycle"]["preStop"]["exec"]["command"]))
    assert pod("roomlog-node")["spec"]["terminationGracePeriodSeconds"] >= int(forget_s) + needed_s(drain_s)


@pytest.mark.parametrize("name", PARTS)
def test_pods_are_hardened(name: str) -> None:
    assert pod(name)["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod(name)["spec"]["automountServiceAccountToken"] is False
    context = container(name)["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container(name)["resources"]["limits"]
