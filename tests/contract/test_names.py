"""Beside an Open WebUI, whose tokens say an id only, people have their names, and who is not let in is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.contract.clients import calling, listening, raw
from tests.support.nodes import Fleet, LocalNode, token
from tests.support.provider import Conversation, Provider, running_provider

BARE: dict[str, Any] = {"name": None, "role": None}
"""As Open WebUI signs its tokens."""


def profile(role: str) -> bytes:
    return json.dumps({"id": "alice", "name": "Alice Liddell", "email": "a@example.org", "role": role}).encode()


@asynccontextmanager
async def beside(fleet: Fleet, status: int = 200, role: str = "user") -> AsyncIterator[tuple[LocalNode, Provider]]:
    """A node beside an Open WebUI that answers so."""

    async def script(conversation: Conversation) -> None:
        await conversation.whole(status, profile(role))

    async with running_provider() as webui:
        webui.script = script
        async with fleet.inside(webui_url=webui.url.removesuffix("/v1")) as node:
            yield node, webui


async def test_a_user_has_the_name_that_open_webui_knows_and_it_is_asked_once(fleet: Fleet) -> None:
    async with beside(fleet) as (node, webui), calling(node.url, **BARE) as api:
        for _ in range(3):
            user = (await api.client.get("/api/v1/auths/")).json()
            assert (user["name"], user["email"], user["role"]) == ("Alice Liddell", "a@example.org", "user")
        (asked,) = webui.conversations
        assert asked.head.startswith("GET /api/v1/auths/ ")
        assert f"authorization: {api.client.headers['Authorization']}".lower() in asked.head.lower()
        async with listening(node.url, **BARE) as page:
            assert await page.call("user-join", {}) == {"id": "alice", "name": "Alice Liddell"}


async def test_a_token_that_tells_a_name_or_a_role_is_not_asked_about(fleet: Fleet) -> None:
    async with (
        beside(fleet, 401) as (node, webui),
        calling(node.url) as named,
        calling(node.url, name=None, role="service") as service,
    ):
        for api in (named, service):
            assert (await api.client.get("/api/v1/auths/")).status_code == 200
        assert webui.conversations == []


@pytest.mark.parametrize(("status", "role"), [(401, "user"), (200, "pending")])
async def test_who_is_not_let_in_there_is_refused_here(fleet: Fleet, status: int, role: str) -> None:
    async with beside(fleet, status, role) as (node, _webui), calling(node.url, **BARE) as api, raw(node.url) as socket:
        answer = await api.client.get("/api/v1/auths/")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert "Open WebUI" in (await socket.connect({"token": token(**BARE)}))["message"]


async def test_while_open_webui_does_not_answer_people_go_on(fleet: Fleet) -> None:
    async with beside(fleet, 500) as (node, _webui), calling(node.url, **BARE) as api:
        user = (await api.client.get("/api/v1/auths/")).json()
        assert (user["id"], user["name"]) == ("alice", "")
        async with listening(node.url, **BARE) as page:
            assert await page.call("user-join", {}) == {"id": "alice", "name": ""}
