"""The OpenAPI document, made from the table of routes."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from app import __version__
from app.http import Json
from app.payloads import BATCH_EVENTS
from app.routes.table import OPERATIONS, Operation


async def openapi(_request: Request) -> Response:
    """`GET /openapi.json`."""
    return Json(document())


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation, schemas)
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Roomlog", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas | {"Error": _ERROR}, "securitySchemes": {"bearer": bearer}},
    }


_ERROR = {
    "type": "object",
    "properties": {"detail": {"type": "string"}, "code": {"type": "string"}, "retryable": {"type": "boolean"}},
    "required": ["detail", "code", "retryable"],
}


def _describe(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    names = [("path", name, True) for name in re.findall(r"\{(\w+)\}", operation.path)]
    names += [("query", name, False) for name in operation.query]
    names += [("header", name, False) for name in operation.headers]
    string = {"type": "string"}
    parameters = [{"in": place, "name": name, "required": must, "schema": string} for place, name, must in names]
    refused = () if operation.open else ((401, "The token is missing or not valid"),)
    malformed = () if operation.open else ((400, "Malformed"),)
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    responses: dict[str, Any] = {"200": _done(operation, schemas)}
    for status_code, meaning in (*malformed, *refused, *operation.answers):
        responses[str(status_code)] = {"description": meaning, "content": error}
    described: dict[str, Any] = {
        "summary": (operation.endpoint.__doc__ or "").strip().splitlines()[0],
        "parameters": parameters,
        "responses": responses,
        "security": [] if operation.open else [{"bearer": []}],
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _body(operation, operation.body, schemas)}
    return described


def _body(operation: Operation, body: type[BaseModel], schemas: dict[str, Any]) -> dict[str, Any]:
    """What is to be sent; its schemas are added."""
    schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schema.pop("$defs", {}) | {body.__name__: schema}
    one: dict[str, Any] = {"$ref": f"#/components/schemas/{body.__name__}"}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": BATCH_EVENTS}
    return {"application/json": {"schema": {"oneOf": [one, many]} if operation.several else one}}


def _done(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    """What 200 means; the schemas of what it brings are added."""
    if operation.answer is None:
        return {"description": "Done"}
    adapter = TypeAdapter(operation.answer)
    schema = adapter.json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    name = operation.answer.__name__
    schemas |= schema.pop("$defs", {}) | {name: schema}
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    return {"description": "Done", "content": content}
