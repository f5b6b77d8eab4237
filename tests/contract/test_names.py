"""Beside an Open WebUI, whose tokens say an id only, people have their names, and who is not let in is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app import profiles
from tests.contract.clients import calling, listening, raw
from tests.support.nodes import Api, Fleet, LocalNode, token
from tests.support.provider import Conversation, Provider, Script, running_provider

BARE: dict[str, Any] = {"name": None, "role": None}
"""As Open WebUI signs its tokens."""


ALICE = {"id": "alice", "name": "Alice Liddell", "email": "a@example.org", "role": "user"}


def answering(status: int = 200, **members: Any) -> Script:
    """What Open WebUI says of whoever is asked about: Alice, but for these members."""

    async def script(conversation: Conversation) -> None:
        await conversation.whole(status, json.dumps(ALICE | members).encode())

    return script


@asynccontextmanager
async def beside(fleet: Fleet, status: int = 200, **members: Any) -> AsyncIterator[tuple[LocalNode, Provider]]:
    """A node beside an Open WebUI that answers so."""
    async with running_provider() as webui:
        webui.script = answering(status, **members)
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


async def test_a_name_that_open_webui_does_not_have_is_none(fleet: Fleet) -> None:
    async with beside(fleet, name=None, email=None) as (node, _webui), calling(node.url, **BARE) as api:
        user = (await api.client.get("/api/v1/auths/")).json()
        assert (user["name"], user["email"]) == ("", "")


REFUSALS = [(401, {}), (404, {}), (200, {"role": "pending"}), (200, {"id": "bob"})]


@pytest.mark.parametrize(("status", "members"), REFUSALS)
async def test_who_is_not_let_in_there_is_refused_here(fleet: Fleet, status: int, members: dict[str, str]) -> None:
    async with (
        beside(fleet, status, **members) as (node, _webui),
        calling(node.url, **BARE) as api,
        raw(node.url) as socket,
    ):
        answer = await api.client.get("/api/v1/auths/")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert "Open WebUI" in (await socket.connect({"token": token(**BARE)}))["message"]


@pytest.mark.parametrize(("status", "members"), REFUSALS)
async def test_who_was_refused_stays_out_while_open_webui_is_silent_and_comes_in_when_it_says_so(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, status: int, members: dict[str, str]
) -> None:
    monkeypatch.setattr(profiles, "REFUSED_S", 0.0)
    monkeypatch.setattr(profiles, "SILENT_S", 0.0)
    async with beside(fleet, status, **members) as (node, webui), calling(node.url, **BARE) as api:
        assert await _seen(api) == (401, None)
        webui.script = answering(500)
        assert await _seen(api) == (401, None)
        webui.script = answering()
        assert await _seen(api) == (200, "Alice Liddell")
        assert len(webui.conversations) == 3


async def test_who_was_refused_is_not_asked_about_at_every_try(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "REFUSED_S", 600.0)
    async with beside(fleet, 401) as (node, webui), calling(node.url, **BARE) as api:
        for _ in range(3):
            assert await _seen(api) == (401, None)
        assert len(webui.conversations) == 1


async def _seen(api: Api) -> tuple[int, str | None]:
    """The status, and the name that the node knows."""
    answer = await api.client.get("/api/v1/auths/")
    return answer.status_code, answer.json().get("name")


@pytest.mark.parametrize("status", [500, 408, 429])
async def test_while_open_webui_does_not_answer_people_go_on(fleet: Fleet, status: int) -> None:
    async with beside(fleet, status) as (node, _webui), calling(node.url, **BARE) as api:
        user = (await api.client.get("/api/v1/auths/")).json()
        assert (user["id"], user["name"]) == ("alice", "")
        async with listening(node.url, **BARE) as page:
            assert await page.call("user-join", {}) == {"id": "alice", "name": ""}


async def test_while_open_webui_does_not_answer_who_was_known_keeps_the_name(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "KNOWN_S", 0.0)
    monkeypatch.setattr(profiles, "SILENT_S", 600.0)
    async with beside(fleet) as (node, webui), calling(node.url, **BARE) as api:
        for script in (answering(), answering(500), answering(200, name="Alice")):
            webui.script = script
            assert await _seen(api) == (200, "Alice Liddell")
        assert len(webui.conversations) == 2, "a silent one is left alone"


async def test_a_silent_open_webui_is_asked_once_whosoever_comes(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "SILENT_S", 600.0)
    async with beside(fleet, 500) as (node, webui):
        for _ in range(3):
            async with calling(node.url, **BARE) as api:
                assert await _seen(api) == (200, "")
        assert len(webui.conversations) == 1
