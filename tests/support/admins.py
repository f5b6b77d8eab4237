"""An admin's calls, each answer checked against the schema that the OpenAPI document promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jsonschema

from app.routes.openapi import document
from app.routes.table import OVERSIGHT, Operation
from tests.support.nodes import Api

_SCHEMAS = document()["components"]["schemas"]


def _operation(method: str, path: str) -> Operation:
    """The route of a path below /api/v1/admin, the one with the fewest names in it."""

    def fits(operation: Operation) -> bool:
        parts, asked = operation.path.split("/"), path.split("/")
        return len(parts) == len(asked) and all(p == a or p.startswith("{") for p, a in zip(parts, asked, strict=True))

    found = [operation for operation in OVERSIGHT if operation.method == method and fits(operation)]
    return min(found, key=lambda operation: operation.path.count("{"))


class Admin(Api):
    """path: below /api/v1/admin."""

    def __init__(self, url: str, user_id: str = "root") -> None:
        super().__init__(url, user_id, role="admin")

    async def get(self, path: str, **query: Any) -> Any:
        return await self._asked("GET", path, query)

    async def post(self, path: str) -> Any:
        return await self._asked("POST", path, {})

    async def _asked(self, method: str, path: str, query: dict[str, Any]) -> Any:
        place = f"/api/v1/admin/{path}"
        answer = await self.client.request(method, place, params=query)
        assert answer.status_code == 200, answer.text
        promised = _operation(method, place).answer
        if promised is None:
            assert answer.json() == {}
            return {}
        schema = {"$ref": f"#/components/schemas/{promised.__name__}", "components": {"schemas": _SCHEMAS}}
        jsonschema.validate(answer.json(), schema)
        return answer.json()


@asynccontextmanager
async def overseeing(url: str) -> AsyncIterator[Admin]:
    """An admin who asks a node."""
    admin = Admin(url)
    try:
        yield admin
    finally:
        await admin.aclose()
