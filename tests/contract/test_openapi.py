"""/openapi.json: a valid OpenAPI 3.1 document of every route that there is."""

from __future__ import annotations

import re
from typing import Any

import httpx
import jsonschema

from app.routes.openapi import document
from app.routes.table import OPERATIONS
from tests.support.nodes import Fleet

METHODS = {"get", "post", "put", "delete", "patch"}


async def test_the_node_serves_the_document_of_every_route_to_anybody(fleet: Fleet) -> None:
    async with fleet.inside() as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        served = (await client.get("/openapi.json")).json()
    assert served == document()
    listed = {(method.upper(), path) for path, item in served["paths"].items() for method in item}
    assert listed == {(operation.method, operation.path) for operation in OPERATIONS}


async def test_every_route_of_the_document_is_there(fleet: Fleet) -> None:
    async with fleet.inside() as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        for operation in OPERATIONS:
            path = re.sub(r"\{\w+\}", "x", operation.path)
            if operation.open:
                continue
            answer = await client.request(operation.method, path)
            assert answer.status_code == 401, f"{operation.method} {path}: {answer.status_code}"
            assert answer.json()["code"] == "unauthorized"


def test_the_document_has_the_shape_of_openapi_3_1() -> None:
    found = document()
    assert re.fullmatch(r"3\.1\.\d+", found["openapi"])
    assert found["info"]["title"]
    assert found["info"]["version"]
    for path, item in found["paths"].items():
        assert path.startswith("/")
        assert item.keys() <= METHODS
        for operation in item.values():
            _check_operation(path, operation)


def _check_operation(path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["responses"]
    assert all(re.fullmatch(r"[1-5]\d\d|default", status) for status in operation["responses"])
    assert all(answer["description"] for answer in operation["responses"].values())
    parameters = [(parameter["in"], parameter["name"]) for parameter in operation["parameters"]]
    assert len(parameters) == len(set(parameters))
    assert {place for place, _ in parameters} <= {"path", "query", "header", "cookie"}
    named = {name for place, name in parameters if place == "path"}
    assert named == set(re.findall(r"\{(\w+)\}", path))
    assert all(parameter["required"] for parameter in operation["parameters"] if parameter["in"] == "path")


def test_every_schema_is_a_json_schema_and_every_reference_leads_somewhere() -> None:
    found = document()
    for name, schema in found["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in _references(found):
        where: Any = found
        for part in reference.removeprefix("#/").split("/"):
            where = where[part]


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [reference for item in value for reference in _references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [reference for item in value.values() for reference in _references(item)]
