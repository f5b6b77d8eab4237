"""Names in addresses: one with a slash in it is reached like any other."""

from __future__ import annotations

import pytest

from tests.contract.clients import calling, listening
from tests.support.admins import overseeing
from tests.support.nodes import Fleet, Process

ANN = "https://id.example/u?n=1#ann"
ENCODED = "https%3A%2F%2Fid.example%2Fu%3Fn%3D1%23ann"


@pytest.fixture
async def node(fleet: Fleet) -> Process:
    """As it is run: what a path becomes is the web server's doing, too."""
    return await fleet.node()


async def test_a_user_whose_id_has_slashes_is_looked_up_given_a_role_and_revoked(node: Process) -> None:
    async with overseeing(node.url) as admin, calling(node.url, ANN) as ann, listening(node.url, ANN) as live:
        await ann.new_chat()
        seen = await admin.get(f"users/{ENCODED}/sessions")
        assert (seen["user_id"], seen["sessions"][0]["sid"]) == (ANN, live.get_sid())
        given = await admin.client.post(f"/api/v1/users/{ENCODED}/update", json={"role": "user"})
        assert (given.status_code, given.json()["id"]) == (200, ANN)
        await admin.post(f"users/{ENCODED.lower()}/revoke")
        assert (await ann.client.get("/api/v1/chats/")).status_code == 401


async def test_a_room_whose_id_has_slashes_is_read_by_its_name(node: Process) -> None:
    async with overseeing(node.url) as admin, calling(node.url, ANN) as ann:
        chat = await ann.new_chat()
        own = await ann.client.get(f"/api/v1/rooms/user:{ENCODED}/events")
        assert [event["data"]["chat_id"] for event in own.json()["events"]] == [chat]
        assert (await admin.get(f"rooms/user:{ENCODED}"))["room"] == f"user:{ANN}"
        assert len((await admin.get(f"rooms/user:{ENCODED}/events"))["events"]) == 1


async def test_only_an_encoded_slash_is_one_and_no_name_has_what_cannot_be_printed(node: Process) -> None:
    async with overseeing(node.url) as admin:
        for path in ("a/b", "a%1fb", "a%1F%2Fb", "%2F%00"):
            assert (await admin.client.get(f"/api/v1/admin/users/{path}/sessions")).status_code == 404, path
        assert (await admin.get("users/a%252Fb/sessions"))["user_id"] == "a%2Fb"
