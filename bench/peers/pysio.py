"""python-socketio with AsyncRedisManager, under uvicorn with its defaults; with ROOM_CHANNELS=1 in Open WebUI's set-up.

That set-up, rebuilt from its description: one Pub/Sub channel a room, behind one pattern subscription; what is of a
room without members here is dropped before it is decoded; orjson as the codec.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import orjson
import socketio
import uvicorn

PATTERN = "socketio#*"


class OrjsonCodec:
    """The two functions that python-socketio asks of a JSON module."""

    @staticmethod
    def dumps(value: Any, **_options: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_options: Any) -> Any:
        return orjson.loads(text)


class RoomChannels(socketio.AsyncRedisManager):  # type: ignore[misc]  # python-socketio has no types
    """AsyncRedisManager that listens to the channels of all rooms and takes what is of rooms with members here."""

    async def _listen(self) -> AsyncIterator[bytes]:
        self._redis_connect()
        await self.pubsub.psubscribe(PATTERN)
        async for message in self.pubsub.listen():
            if message["type"] == "pmessage":
                _, namespace, room = message["channel"].decode().split("#", 2)
                if room in self.rooms.get(namespace, {}):
                    yield message["data"]


def application(redis_url: str, room_channels: bool) -> socketio.ASGIApp:
    """A server whose clients name their rooms when they connect."""
    if room_channels:
        server = socketio.AsyncServer(
            async_mode="asgi", client_manager=RoomChannels(redis_url), json=OrjsonCodec, cors_allowed_origins=[]
        )
    else:
        manager = socketio.AsyncRedisManager(redis_url)
        server = socketio.AsyncServer(async_mode="asgi", client_manager=manager, cors_allowed_origins=[])

    @server.event  # type: ignore[untyped-decorator]
    async def connect(sid: str, _environ: dict[str, Any], auth: dict[str, Any]) -> None:
        for room in auth["rooms"]:
            await server.enter_room(sid, room)

    return socketio.ASGIApp(server)


if __name__ == "__main__":
    app = application(os.environ["REDIS_URL"], os.environ.get("ROOM_CHANNELS") == "1")
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False)
