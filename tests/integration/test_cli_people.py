"""`roomlog sessions`, `tasks` and `revoke` on a running node, each action noted with who did it."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest

from app.routes.openapi import document
from oversight.audit import Audit
from streams.link import Link
from tests.contract.clients import Listener
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token
from tests.support.shell import Shell

SCHEMAS = document()["components"]["schemas"]


@pytest.fixture
def shell(fleet: Fleet) -> Shell:
    return Shell(fleet)


@pytest.fixture
async def node(fleet: Fleet) -> AsyncIterator[LocalNode]:
    async with fleet.inside() as node:
        yield node


async def noted(link: Link) -> list[tuple[str, str, str]]:
    """What the audit has of this user, the newest first."""
    actions = (await Audit(link.keys, link.client()).page()).actions
    assert {action.user_id for action in actions} <= {f"cli:{getpass.getuser()}"}
    return [(action.action, action.target, action.outcome) for action in actions]


async def sessions(shell: Shell, user_id: str) -> Any:
    (found,) = await shell.lines("sessions", user_id)
    jsonschema.validate(found, {"$ref": "#/components/schemas/UserSessions", "components": {"schemas": SCHEMAS}})
    return found


async def test_a_session_is_listed_and_cut_off_and_comes_back(shell: Shell, node: LocalNode, link: Link) -> None:
    async with Listener() as page:
        await page.open(node.url, token("ann"), transports=["websocket"])
        (one,) = (await sessions(shell, "ann"))["sessions"]
        assert (one["node"], one["connected"]) == (node.node.name, True)
        shown = await shell.says("sessions", "list", "ann")
        assert one["sid"] in shown
        assert "connected" in shown
        assert json.loads(await shell.says("sessions", "disconnect", one["sid"], "--json")) == {}
        await eventually(lambda: one["sid"] not in node.node.server.eio.sockets or not page.client.connected)
    assert await noted(link) == [("session.disconnect", one["sid"], "done")]


async def test_a_session_that_is_not_there_is_1(shell: Shell, node: LocalNode, link: Link) -> None:
    done = await shell.run("sessions", "disconnect", "nobody")
    assert (done.returncode, done.stderr) == (1, "roomlog: no session nobody is connected\n")
    assert await noted(link) == [("session.disconnect", "nobody", "failed")]


async def test_a_revoked_user_is_out_and_stays_out(shell: Shell, node: LocalNode, link: Link) -> None:
    api = Api(node.url, "mallory")
    assert (await api.client.get("/api/v1/chats/")).is_success
    (revoked,) = await shell.lines("revoke", "--user", "mallory")
    assert (await api.client.get("/api/v1/chats/")).status_code == 401
    assert (await sessions(shell, "mallory"))["revoked_at_s"] == revoked["revoked_at_s"]
    assert "are refused" in await shell.says("sessions", "mallory")
    await api.aclose()
    assert await noted(link) == [("user.revoke", "mallory", "done")]


async def test_one_token_is_revoked_and_the_user_s_others_hold(shell: Shell, node: LocalNode, link: Link) -> None:
    stolen, kept = Api(node.url, "ann", jti="stolen"), Api(node.url, "ann", jti="kept")
    assert "stolen" in await shell.says("revoke", "--jti", "stolen", "--ttl", "60")
    assert (await stolen.client.get("/api/v1/chats/")).status_code == 401
    assert (await kept.client.get("/api/v1/chats/")).is_success
    await stolen.aclose()
    await kept.aclose()
    assert await noted(link) == [("token.revoke", "stolen", "done")]


@pytest.mark.parametrize("arguments", [(), ("--user", "a", "--jti", "b")])
async def test_revoke_wants_a_user_or_a_token(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert (await shell.run("revoke", *arguments)).returncode == 2


async def test_a_task_is_listed_and_stopped_from_here(shell: Shell, node: LocalNode, link: Link) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task_id = await node.node.tasks.create_task(work(), "chat", user_id="ann")
    (page,) = await shell.lines("tasks")
    assert [(task["task_id"], task["user_id"]) for task in page["tasks"]] == [(task_id, "ann")]
    assert "1 tasks run" in await shell.says("tasks")
    assert "is stopped" in await shell.says("tasks", "stop", task_id)
    assert ended.is_set()
    done = await shell.run("tasks", "stop", task_id, "--json")
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (1, "over")
    assert await noted(link) == [("task.stop", task_id, "over"), ("task.stop", task_id, "done")]
