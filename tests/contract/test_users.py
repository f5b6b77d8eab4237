"""Users: they appear with their first valid token; tokens and users are revoked on every node."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from cli.resuming import ResumingClient
from tests.contract.clients import listening, raw
from tests.support.nodes import SECRET, Api, Fleet, LocalNode, bearer, eventually, token


async def users_of(node: LocalNode) -> dict[str, Any]:
    """What an admin sees of the users, by id."""
    admin = Api(node.url, "root", role="admin")
    answer = await admin.client.get("/api/v1/users/")
    await admin.aclose()
    assert answer.status_code == 200, answer.text
    return {user["id"]: user for user in answer.json()["users"]}


async def refused(node: LocalNode, given: str) -> bool:
    """Whether a node refuses a token, over HTTP and at connect."""
    async with httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        answer = await client.get("/api/v1/auths/", headers={"Authorization": f"Bearer {given}"})
    async with raw(node.url) as socket:
        connected = await socket.connect({"token": given})
    return (answer.status_code, connected) == (401, {"message": "the token was revoked"})


async def test_get_auths_tells_the_current_user_as_the_page_expects(fleet: Fleet) -> None:
    until = int(time.time()) + 600
    async with fleet.inside() as one:
        api = Api(one.url, "ann", name="Ann", email="ann@example.org", role="admin", exp=until)
        body = (await api.client.get("/api/v1/auths/")).json()
        assert body.pop("token") == api.client.headers["authorization"].removeprefix("Bearer ")
        assert body == {
            "id": "ann",
            "name": "Ann",
            "email": "ann@example.org",
            "role": "admin",
            "profile_image_url": "/user.png",
            "expires_at": until,
            "permissions": {},
            "token_type": "Bearer",
        }
        await api.aclose()
        async with httpx.AsyncClient(base_url=one.url, trust_env=False) as nobody:
            assert (await nobody.get("/api/v1/auths/")).status_code == 401


async def test_a_user_appears_with_the_first_valid_token_over_http_and_at_connect(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api = Api(one.url, "ann", name="Ann", email="ann@example.org")
        assert (await api.client.get("/api/v1/auths/")).status_code == 200
        async with listening(one.url, "bob"):
            await eventually(lambda: _both_there(two))
        nameless = Api(two.url, "ann", name=None)
        assert (await nameless.client.get("/api/v1/auths/")).json()["name"] == "Ann", "a token without a name"
        promoted = Api(one.url, "ann", role="admin")
        await promoted.client.get("/api/v1/auths/")
        await eventually(lambda: _role_of(two, "ann", "admin"))
        assert (await users_of(two))["ann"]["email"] == "ann@example.org"
        for each in (api, nameless, promoted):
            await each.aclose()


async def _both_there(node: LocalNode) -> bool:
    found = await users_of(node)
    return {"ann", "bob"} <= found.keys() and found["ann"]["name"] == "Ann"


async def _role_of(node: LocalNode, user_id: str, role: str) -> bool:
    return bool((await users_of(node))[user_id]["role"] == role)


async def test_a_known_user_costs_no_sql_per_request(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    async with fleet.inside() as one:
        written: list[str] = []
        archive = one.node.archive
        store = archive.see_user

        async def counted(user_id: str, name: str, email: str, role: str) -> None:
            await store(user_id, name, email, role)
            written.append(user_id)

        monkeypatch.setattr(archive, "see_user", counted)
        api = Api(one.url, "ann", email="ann@example.org")
        await api.client.get("/api/v1/auths/")
        await eventually(lambda: written == ["ann"])
        for _ in range(20):
            await api.client.get("/api/v1/auths/")
        assert written == ["ann"]
        await api.aclose()


async def test_sign_out_revokes_the_bearer_token_itself_on_all_nodes_and_no_other(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        for given in (token("ann"), token("ann", jti=None, iat=int(time.time()) - 5)):
            ours, other = ResumingClient(reconnection=False), ResumingClient(reconnection=False)
            await ours.open(two.url, given, transports=["websocket"])
            await other.open(two.url, token("ann"), transports=["websocket"])
            async with httpx.AsyncClient(base_url=one.url, trust_env=False) as client:
                answer = await client.post("/api/v1/auths/signout", headers={"Authorization": f"Bearer {given}"})
            assert answer.status_code == 200, answer.text
            assert len(two.node.sessions.by_user["ann"]) == 1, "when it answers, the token's sessions are gone"
            await eventually(lambda client=ours: not client.connected)
            assert other.connected
            assert await refused(one, given)
            assert await refused(two, given)
            assert await refused(two, given + "="), "the same signature, spelled otherwise"
            await other.disconnect()


async def test_an_admin_revokes_a_user_on_all_nodes_and_newer_tokens_are_good(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        given = token("ann", iat=int(time.time()) - 5)
        admin = Api(one.url, "root", role="admin")
        gone = ResumingClient(reconnection=False)
        await gone.open(two.url, given, transports=["websocket"])
        async with listening(two.url, "bob") as bystander:
            assert (await admin.client.post("/api/v1/users/ann/revoke")).status_code == 200
            assert "ann" not in two.node.sessions.by_user
            await eventually(lambda: not gone.connected)
            assert bystander.connected
        assert await refused(one, given)
        assert await refused(two, given)
        assert not await refused(two, token("ann", iat=int(time.time()) + 1))
        await admin.aclose()


async def test_a_revoked_user_follows_no_room_any_more(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        ann = Api(two.url, "ann", iat=int(time.time()) - 5)
        for by_order in (True, False):  # the old backend revokes by the key alone
            async with ann.client.stream("GET", "/api/v1/rooms/user:ann/events/stream") as stream:
                lines = stream.aiter_lines()
                assert await anext(lines) == ": following"
                await one.node.revocations.revoke_user("ann")
                if by_order:
                    await one.node.orders.disconnect_user("ann")
                assert [line async for line in lines] == [""]
            await one.node.link.client(connections=1).delete(one.node.link.keys.user_revoked_at("ann"))
        await ann.aclose()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/users/{}/revoke"), ("GET", "/api/v1/users/"), ("POST", "/api/v1/users/{}/update")],
    ids=["revoke", "list", "role"],
)
async def test_what_only_admins_may_do_answers_all_others_the_same_whoever_is_named(
    fleet: Fleet, method: str, path: str
) -> None:
    async with fleet.inside() as one, listening(one.url, "bob") as bob:
        async with httpx.AsyncClient(base_url=one.url, trust_env=False, headers=bearer("mallory")) as mallory:
            answers = [await mallory.request(method, path.format(name)) for name in ("bob", "nobody", "mallory")]
        assert {answer.status_code for answer in answers} == {403}
        assert len({answer.text for answer in answers}) == 1
        assert SECRET not in answers[0].text
        assert bob.connected


async def test_a_session_and_a_stream_end_with_their_token_and_a_newer_one_resumes(fleet: Fleet) -> None:
    """The stream begins first: it must not be there to be refused when the token has expired already."""
    async with fleet.inside() as one, fleet.inside() as two:
        short = token("ann", exp=int(time.time()) + 4)
        client, api = ResumingClient(reconnection=False), Api(one.url, "ann")
        got: list[str] = []
        client.on("notice", lambda text, *_position: got.append(text))
        await client.open(two.url, short)
        async with api.client.stream(
            "GET", "/api/v1/rooms/user:ann/events/stream", headers={"Authorization": f"Bearer {short}"}
        ) as stream:
            assert stream.status_code == 200
            await one.node.producer.emit_to_users("notice", "in time", ["ann"])
            await eventually(lambda: got == ["in time"])
            lines = [line async for line in stream.aiter_lines()]  # until it ends
        assert 'data: "in time"' in lines
        await eventually(lambda: not client.connected)
        await one.node.producer.emit_to_users("notice", "too late", ["ann"])
        async with raw(two.url) as socket:
            assert await socket.connect({"token": short, "pid": client.pid}) == {"message": "the token has expired"}
        await client.open(one.url, token("ann"))
        assert client.recovered
        await eventually(lambda: got == ["in time", "too late"])
        await client.disconnect()
        await api.aclose()


async def test_a_newer_token_that_a_session_shows_is_the_one_that_counts(fleet: Fleet) -> None:
    async with fleet.inside() as one, listening(one.url, "ann", exp=int(time.time()) + 2) as client:
        session = one.node.sessions.by_sid[client.get_sid()]
        first = session.identity.expires_at
        assert await client.call("user-join", {"auth": {"token": token("ann", exp=int(time.time()) + 600)}})
        assert first is not None
        await eventually(lambda: time.time() > first + 1.5)  # the node looks once a second
        assert (await client.call("user-join", {}))["id"] == "ann"
