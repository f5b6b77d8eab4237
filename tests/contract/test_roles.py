"""Roles: what an admin gives wins over what tokens claim, on every node, for live sessions too."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycopg
import pytest

from streams.errors import LogUnavailable
from tests.contract.clients import Listener, listening
from tests.contract.test_chats import join, two
from tests.support.nodes import Api, Fleet, LocalNode, eventually, token


async def seen(node: LocalNode, *user_ids: str) -> None:
    """Wait until users are stored."""

    async def stored() -> bool:
        return len(await node.node.archive.users(user_ids)) == len(user_ids)

    await eventually(stored)


async def give(admin: Api, user_id: str, role: str) -> Any:
    answer = await admin.client.post(f"/api/v1/users/{user_id}/update", json={"role": role, "name": "ignored"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ends(node: LocalNode, *listeners: Listener) -> None:
    """Wait until everything up to now has come."""
    await node.node.producer.emit_to_users("end", {}, ["boss"])
    await eventually(lambda: all(listener.of("end") for listener in listeners))


async def test_a_demoted_admin_loses_what_only_admins_see_on_every_node_before_the_call_returns(fleet: Fleet) -> None:
    async with (
        two(fleet) as (one, other),
        listening(one.url, "boss", role="admin") as near,
        listening(other.url, "boss", role="admin") as far,
        listening(other.url, "boss", role="admin") as away,
    ):
        root, alice = Api(one.url, "root", role="admin"), Api(one.url, "alice")
        boss = Api(other.url, "boss", role="admin")
        await seen(one, "boss")
        chat, own = await alice.new_chat(), await boss.new_chat()
        note = (await alice.client.post("/api/v1/notes/create", json={"title": "n"})).json()["id"]
        for page in (near, far, away):
            assert await join(page, chat)
            assert await join(page, own)
            assert await page.call("join-note", {"note_id": note, "auth": {}})
        await away.drop()
        async with boss.client.stream("GET", f"/api/v1/rooms/chat:{chat}/events/stream") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == ": following"
            assert (await give(root, "boss", "user"))["role"] == "user"
            assert not [line async for line in lines if line], "a follower ends too"
        for node in (one, other):
            for session in node.node.sessions.by_user["boss"]:
                assert set(session.feed.rooms) == {"user:boss", f"chat:{own}"}
        await alice.emit(chat, "message", {"content": "secret"})
        await alice.client.post(f"/api/v1/notes/{note}/update", json={"title": "secret"})
        await away.open(one.url, token("boss", role="admin"), transports=["websocket"])
        await ends(other, near, far, away)
        for page in (near, far, away):
            assert page.contents == page.of("events:note") == []
            assert await join(page, chat) is False
        assert (await boss.client.get(f"/api/v1/chats/{chat}")).status_code == 404
        assert (await boss.client.get("/api/v1/users/")).status_code == 403
        assert (await boss.client.get("/api/v1/auths/")).json()["role"] == "user"
        for api in (root, alice, boss):
            await api.aclose()


async def test_a_promoted_user_is_an_admin_at_once_with_the_tokens_that_it_has(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob") as bob:
        root, alice, api = Api(one.url, "root", role="admin"), Api(one.url, "alice"), Api(other.url, "bob")
        await seen(one, "bob")
        chat = await alice.new_chat()
        assert await join(bob, chat) is False
        answer = await root.client.post("/api/v1/users/update/role", json={"id": "bob", "role": "admin"})
        assert (answer.status_code, answer.json()["role"]) == (200, "admin")
        assert await join(bob, chat)
        assert (await api.client.get(f"/api/v1/chats/{chat}")).status_code == 200
        again = (await api.client.get("/api/v1/users/")).json()["users"]
        assert {user["id"]: user["role"] for user in again}["bob"] == "admin", "a token does not take it back"
        for each in (root, alice, api):
            await each.aclose()


async def test_a_role_outlives_what_nodes_remember_of_it_and_is_not_guessed_without_the_database(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(fleet) as (one, other):
        root = Api(one.url, "root", role="admin")
        boss, bob = Api(other.url, "boss", role="admin"), Api(other.url, "bob")
        for api in (boss, bob):
            assert (await api.client.get("/api/v1/auths/")).status_code == 200
        await seen(one, "boss", "bob")
        await give(root, "boss", "user")
        redis, keys = one.node.link.client(connections=1), one.node.link.keys
        await redis.delete(keys.role("boss"), keys.role("bob"))
        monkeypatch.setattr("app.roles.ASK_S", 0.1)
        with psycopg.connect(fleet.database_url) as sql:
            sql.execute("LOCK TABLE users")
            answer = await boss.client.get("/api/v1/users/")
            assert (answer.status_code, answer.json()["retryable"]) == (503, True), "a claim is not believed unasked"
            assert (await bob.client.get("/api/v1/chats/")).status_code == 200, "who claims nothing goes on"
            sql.rollback()
        monkeypatch.setattr("app.roles.ASK_S", 10.0)
        assert (await boss.client.get("/api/v1/users/")).status_code == 403
        for api in (root, boss, bob):
            await api.aclose()


async def test_two_admins_at_once_leave_one_role_everywhere(fleet: Fleet) -> None:
    async with two(fleet) as (one, other), listening(other.url, "bob"):
        roots = [Api(node.url, name, role="admin") for node, name in ((one, "root"), (other, "boss"))]
        await seen(one, "bob")
        for _ in range(3):
            await asyncio.gather(*(give(api, "bob", role) for api, role in zip(roots, ("admin", "user"), strict=True)))
            stored = await one.node.archive.given_role("bob")
            assert {session.identity.role for session in other.node.sessions.by_user["bob"]} == {stored}
            raw = await one.node.link.client(connections=1).get(one.node.link.keys.role("bob"))
            assert raw == stored.encode()
        for api in roots:
            await api.aclose()


async def test_what_is_refused(fleet: Fleet) -> None:
    async with two(fleet) as (one, _other):
        root, bob = Api(one.url, "root", role="admin"), Api(one.url, "bob", role="service")
        await bob.client.get("/api/v1/auths/")
        await seen(one, "bob")
        cases = (("nobody", "user", 404), ("root", "user", 403), ("bob", "service", 400), ("bob", "pending", 400))
        for user_id, role, status in cases:
            answer = await root.client.post(f"/api/v1/users/{user_id}/update", json={"role": role})
            assert answer.status_code == status, (user_id, role, answer.text)
        assert (await bob.client.post("/api/v1/users/root/update", json={"role": "user"})).status_code == 403
        await root.aclose()
        await bob.aclose()


async def test_a_session_that_cannot_be_authorised_anew_is_cut_off_and_resumes_as_what_it_is(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(fleet) as (one, other), listening(other.url, "boss", role="admin") as boss:
        root, alice = Api(one.url, "root", role="admin"), Api(one.url, "alice")
        await seen(one, "boss")
        chat = await alice.new_chat()
        assert await join(boss, chat)

        async def silent(*_args: Any) -> Any:
            raise LogUnavailable("nobody answers")

        with monkeypatch.context() as broken:
            broken.setattr(other.node.access, "unreadable", silent)
            await give(root, "boss", "user")
        await eventually(lambda: not boss.connected)
        await boss.open(other.url, token("boss", role="admin", iat=int(time.time())), transports=["websocket"])
        assert boss.recovered
        assert {room for s in other.node.sessions.by_user["boss"] for room in s.feed.rooms} == {"user:boss"}
        await root.aclose()
        await alice.aclose()
