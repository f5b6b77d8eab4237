"""python-socketio with AsyncRedisManager, under uvicorn with its defaults; with ROOM_CHANNELS=1 in Open WebUI's set-up.

That set-up, rebuilt from its description: one Pub/Sub channel a room, behind one pattern subscription; what is of a
room without members here is dropped before it is decoded; orjson as the codec; a session pool that a join reads whole.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import redis
import socketio
import uvicorn

PATTERN = "socketio#*"
POOL = "session_pool"
POOL_SLICE = 1000


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

    if room_channels:
        server.on("events:chat", joining(server, redis.Redis.from_url(redis_url)))
    return socketio.ASGIApp(server)


def joining(server: socketio.AsyncServer, client: redis.Redis) -> Callable[..., Awaitable[bool]]:
    """Joining a chat as Open WebUI's server does it: to tell who is present, the whole session pool is read and
    decoded, by a client that blocks."""

    async def join(sid: str, payload: dict[str, Any]) -> bool:
        await server.enter_room(sid, f"chat:{payload['chat_id']}")
        present = [orjson.loads(session) for _key, session in client.hscan_iter(POOL, count=POOL_SLICE)]
        return isinstance(present, list)

    return join


if __name__ == "__main__":
    app = application(os.environ["REDIS_URL"], os.environ.get("ROOM_CHANNELS") == "1")
    uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False)
