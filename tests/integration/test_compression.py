"""Clients that agree on permessage-deflate, beside others in one room, by whatever WebSocket."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect

from tests.contract.clients import RawSocket, raw_session
from tests.support.nodes import FAST, PLAIN, WEBSOCKETS, Fleet, eventually, token

TEXTS = ("short", "long " * 2_000, "ä" * 3_000, "short again")


@pytest.mark.parametrize("way", [FAST, PLAIN])
async def test_events_come_whole_with_compression_and_without(fleet: Fleet, way: str) -> None:
    fleet.websockets = way
    async with fleet.inside() as node:
        place = node.url.replace("http", "ws", 1) + "/ws/socket.io/?EIO=4&transport=websocket"
        async with (
            raw_session(node.url, "alice") as plain,
            connect(place, proxy=None, compression="deflate") as link,
        ):
            assert "permessage-deflate" in (link.response.headers["Sec-WebSocket-Extensions"] if link.response else "")
            packed = RawSocket(link)
            await packed.connect({"token": token("alice")})
            await eventually(lambda: all(session.feed.live for session in node.node.sessions.by_sid.values()))
            for text in TEXTS:
                body = {"chat_id": "c", "message_id": "m", "data": {"type": "message", "data": {"content": text}}}
                await node.node.emitter.publish("user:alice", "events", body, True, None)
            for client in (plain, packed):
                for text in TEXTS:
                    assert f'"content":"{text}"' in await client.until('42["events"')
            await packed.alive()


@pytest.mark.skipif(WEBSOCKETS != FAST, reason="`roomlog serve` has the fast one only")
async def test_serve_agrees_on_compression_only_where_it_is_set(fleet: Fleet) -> None:
    for setting, agreed in ((False, False), (True, True)):
        node = await fleet.node(websocket_compression=setting)
        place = node.url.replace("http", "ws", 1) + "/ws/socket.io/?EIO=4&transport=websocket"
        async with connect(place, proxy=None, compression="deflate") as link:
            assert link.response is not None
            assert ("Sec-WebSocket-Extensions" in link.response.headers) == agreed
