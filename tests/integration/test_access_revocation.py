"""Revocation by the keys that Open WebUI writes, set directly in Redis."""

from __future__ import annotations

import time

import pytest

from streams.keys import Keys
from tests.contract.clients import Listener, calling, listening, raw
from tests.support.nodes import Fleet, eventually, token
from tests.support.valkey import ValkeyServer

WITHIN_S = 2.0
"""CONTRACT: live sessions on every node are disconnected within this."""

SLACK_S = 1.0
"""For a machine that is busy with other tests."""


@pytest.mark.parametrize("what", ["token", "user"])
async def test_a_revoked_token_ends_its_sessions_on_every_node_within_2_s_and_is_refused_from_then_on(
    fleet: Fleet, valkey: ValkeyServer, what: str
) -> None:
    keys = Keys(fleet.key_prefix)
    given = token(jti="the-token", iat=int(time.time()) - 10)
    async with (
        fleet.inside() as one,
        fleet.inside() as two,
        Listener() as here,
        Listener() as there,
        listening(one.url, "bob") as other,
        calling(one.url) as api,
    ):
        await here.open(one.url, given)
        await there.open(two.url, given)
        api.client.headers["Authorization"] = f"Bearer {given}"
        assert (await api.client.get("/api/v1/rooms/user:alice/events")).status_code == 200
        with valkey.client() as redis:
            if what == "token":
                redis.set(keys.token_revoked("the-token"), "1", ex=60)
            else:
                redis.set(keys.user_revoked_at("alice"), str(int(time.time()) - 5), ex=60)
        revoked = time.monotonic()
        await eventually(lambda: not here.connected and not there.connected)
        assert time.monotonic() - revoked < WITHIN_S + SLACK_S
        for node in (one, two):
            async with raw(node.url) as socket:
                assert "revoked" in (await socket.connect({"token": given, "pid": here.pid}))["message"]
            answer = await api.client.get(f"{node.url}/api/v1/rooms/user:alice/events")
            assert answer.status_code == 401
            assert "revoked" in answer.json()["detail"]
        assert other.connected
        await here.open(two.url, token())  # a newer one is as good as ever
        assert here.connected
