"""The pages as a node serves them: what it says to browsers beside them, and signing in to the demo by a name."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import jwt
import pytest
from starlette.applications import Starlette

from app.demo_commons import LOBBY, NOTE_TITLE
from app.pages import FOR_EVER, POLICY, page_routes
from tests.contract.clients import listening
from tests.support.nodes import SECRET, Fleet, bearer


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What a build wrote, in little."""
    (tmp_path / "assets").mkdir()
    for name in ("index.html", "console.html", "theme.js", "icon.svg", "assets/page-1234.js"):
        (tmp_path / name).write_text(f"this is {name}\n" * 200)
    (tmp_path.parent / "secret.txt").write_text("not for you")
    return tmp_path


def client_of(folder: Path, *, demo: bool = True) -> httpx.AsyncClient:
    app = Starlette(routes=page_routes(demo, folder))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node")


@pytest.mark.parametrize("path", ["/", "/console", "/theme.js", "/icon.svg", "/assets/page-1234.js", "/assets/none.js"])
async def test_a_page_and_all_it_loads_come_with_the_strict_policy(built: Path, path: str) -> None:
    async with client_of(built) as client:
        answer = await client.get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_what_has_a_hash_in_its_name_is_kept_for_ever_and_the_rest_is_asked_for_again(built: Path) -> None:
    async with client_of(built) as client:
        hashed, page, none = [await client.get(path) for path in ("/assets/page-1234.js", "/", "/assets/none.js")]
        again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert hashed.headers["cache-control"] == FOR_EVER
    assert hashed.headers["content-encoding"] == "gzip"
    assert page.headers["cache-control"] == "no-cache"
    assert (none.status_code, none.headers.get("cache-control")) == (404, None)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/assets/../../secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/..%2findex.html"]
)
async def test_nothing_outside_the_folder_is_served(built: Path, path: str) -> None:
    async with client_of(built) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert "not for you" not in answer.text


async def test_pages_that_are_not_built_are_a_sentence_that_says_how(tmp_path: Path) -> None:
    async with client_of(tmp_path / "nowhere") as client:
        for path in ("/", "/console"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert "make pages" in answer.text
        assert (await client.get("/assets/x.js")).status_code == 404


async def test_a_name_is_enough_in_the_demo_and_makes_an_ordinary_user(fleet: Fleet) -> None:
    async with fleet.inside(demo=True) as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        answer = await client.post("/demo/session", json={"name": "  Ann\u00a0Lee "})
        again = (await client.post("/demo/session", json={"name": "ann lee"})).json()
        signed_in = answer.json()
        headers = {"Authorization": f"Bearer {signed_in['token']}"}
        user = (await client.get("/api/v1/auths/", headers=headers)).json()
        config = (await client.get("/demo/config")).json()
    assert (signed_in["id"], signed_in["name"]) == (again["id"], "Ann Lee")
    assert (user["id"], user["name"], user["role"]) == (signed_in["id"], "Ann Lee", "user")
    assert jwt.decode(signed_in["token"], SECRET, algorithms=["HS256"])["exp"]
    assert config["node"] == node.node.name


async def test_a_guest_is_given_no_role_and_may_be_revoked_whatever_the_name(fleet: Fleet) -> None:
    """Anybody may sign in by that name, and would have the role."""
    boss = bearer("root", role="admin")
    async with fleet.inside(demo=True) as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        guest = (await client.post("/demo/session", json={"name": "a/b"})).json()
        headers = {"Authorization": f"Bearer {guest['token']}"}
        assert (await client.get("/api/v1/auths/", headers=headers)).status_code == 200
        refused = await client.post(f"/api/v1/users/{guest['id']}/update", json={"role": "admin"}, headers=boss)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert (await client.post(f"/api/v1/admin/users/{guest['id']}/revoke", headers=boss)).status_code == 200
        assert (await client.get("/api/v1/auths/", headers=headers)).status_code == 401


async def test_who_signs_in_too_often_is_told_when_to_come_back(fleet: Fleet) -> None:
    async with fleet.inside(demo=True, demo_sign_ins_per_min=2) as node, _client(node.url) as client:
        answers = [await client.post("/demo/session", json={"name": "Ann"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refusal = answers[-1].json()
    assert (refusal["code"], refusal["retryable"]) == ("too_many", True)
    assert f"try again in {refusal['retry_after_s']} s" in refusal["detail"]
    assert answers[-1].headers["retry-after"] == str(refusal["retry_after_s"])


async def test_the_page_is_told_which_node_has_its_socket_whichever_it_asks(fleet: Fleet) -> None:
    async with (
        fleet.inside(demo=True) as here,
        fleet.inside(demo=True) as there,
        _client(here.url) as client,
        listening(there.url) as page,
    ):
        told = [
            (await client.get("/demo/config", params=query)).json()["node"] for query in ({"sid": page.get_sid()}, {})
        ]
        unknown = (await client.get("/demo/config", params={"sid": "x" * 999})).json()["node"]
    assert told == [there.node.name, here.node.name]
    assert unknown == here.node.name


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "a\u0001b", 7, None])
async def test_a_bad_name_is_refused_in_words(fleet: Fleet, name: object) -> None:
    async with fleet.inside(demo=True) as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        answer = await client.post("/demo/session", json={"name": name})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("name: ")


async def test_whoever_signs_in_is_in_the_one_lobby_and_may_write_the_one_note(fleet: Fleet) -> None:
    async with (
        fleet.inside(demo=True) as here,
        fleet.inside(demo=True) as there,
        _client(here.url) as one,
        _client(there.url) as two,
    ):
        await asyncio.gather(_sign_in(one, "Ann"), _sign_in(two, "Ben"))
        channels = [(await guest.get("/api/v1/channels/")).json() for guest in (one, two)]
        notes = [(await guest.get("/api/v1/notes/")).json() for guest in (one, two)]
    assert [[channel["name"] for channel in listed] for listed in channels] == [[LOBBY], [LOBBY]]
    assert channels[0][0]["id"] == channels[1][0]["id"]
    assert [[(note["title"], note["write_access"]) for note in listed] for listed in notes] == [
        [(NOTE_TITLE, True)]
    ] * 2
    assert notes[0][0]["id"] == notes[1][0]["id"]


def _client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, trust_env=False)


async def _sign_in(client: httpx.AsyncClient, name: str) -> None:
    token = (await client.post("/demo/session", json={"name": name})).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"


@pytest.mark.parametrize("name", ["admin", "alice", "Alice"])
async def test_nobody_becomes_somebody_else_by_a_name(fleet: Fleet, name: str) -> None:
    async with fleet.inside(demo=True) as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        signed_in = (await client.post("/demo/session", json={"name": name})).json()
        headers = {"Authorization": f"Bearer {signed_in['token']}"}
        assert signed_in["id"] not in ("admin", "alice")
        assert (await client.get("/api/v1/users/", headers=headers)).status_code == 403
        assert (await client.get("/api/v1/users/", headers=bearer("root", role="admin"))).status_code == 200


async def test_without_the_demo_nobody_signs_in_by_a_name(fleet: Fleet) -> None:
    async with fleet.inside() as node, httpx.AsyncClient(base_url=node.url, trust_env=False) as client:
        answers = [
            await client.post("/demo/session", json={"name": "Ann"}),
            await client.get("/demo/config"),
            await client.get("/"),
        ]
        console = await client.get("/console")
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert all("DEMO=true" in answer.json()["detail"] for answer in answers)
    assert console.headers["content-security-policy"] == POLICY
