"""Documents as Open WebUI's server keeps them, rebuilt from a description of it, under uvicorn, with a Redis.

A document is a list of its updates, each the JSON text of a list of numbers. Whoever joins gets the whole state, put
together from that list and sent as numbers. When the list is long its older half is squashed, within the request that
made it so. Left out, which makes this the cheaper peer: tokens, access to notes, rendered content, the limit of size.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis.asyncio
import socketio
import uvicorn
from pycrdt import Doc

from bench.documents.trace import updates_of
from bench.peers.pysio import OrjsonCodec, RoomChannels

SQUASHED_AT = 500
LOCK_S = 30
NOTHING = b"\x00\x00"


def state_of(updates: Sequence[bytes]) -> bytes:
    """All updates as one state."""
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    return doc.get_update()


class Ints:
    """The documents in Redis."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._client = client

    def _key(self, document: str, what: str) -> str:
        return f"ydoc:documents:{document}:{what}"

    async def append(self, document: str, updates: Sequence[bytes]) -> None:
        """Keep updates; squash when there are many."""
        async with self._client.lock(self._key(document, "lock"), timeout=LOCK_S):
            key = self._key(document, "updates")
            count = await self._client.rpush(key, *(json.dumps(list(update)) for update in updates))
            if count >= SQUASHED_AT:
                await self._squash(key, count // 2)

    async def _squash(self, key: str, count: int) -> None:
        older = state_of(_read(await self._client.lrange(key, 0, count - 1)))
        async with self._client.pipeline() as pipe:
            pipe.ltrim(key, count, -1)
            pipe.lpush(key, json.dumps(list(older)))
            await pipe.execute()

    async def state(self, document: str) -> bytes:
        """The whole document."""
        return state_of(_read(await self._client.lrange(self._key(document, "updates"), 0, -1)))

    async def join(self, document: str, sid: str) -> None:
        await self._client.sadd(self._key(document, "users"), sid)

    async def leave(self, document: str, sid: str) -> None:
        await self._client.srem(self._key(document, "users"), sid)


def _read(stored: Sequence[bytes | str]) -> list[bytes]:
    return [bytes(json.loads(update)) for update in stored]


class OwnChannels(RoomChannels):
    """What is emitted goes to the channel of its room, too."""

    async def _publish(self, data: dict[str, Any]) -> None:
        self._redis_connect()
        channel = f"{self.channel}#{data.get('namespace')}#{data.get('room')}"
        await self.redis.publish(channel, OrjsonCodec.dumps(data))


def application(redis_url: str) -> socketio.ASGIApp:
    server = socketio.AsyncServer(
        async_mode="asgi", client_manager=OwnChannels(redis_url), json=OrjsonCodec, cors_allowed_origins=[]
    )
    documents = Ints(redis.asyncio.Redis.from_url(redis_url))
    namespace = Documents(server, documents)
    server.on("connect", namespace.connect)
    server.on("ydoc:document:join", namespace.join)
    server.on("ydoc:document:update", namespace.update)
    server.on("ydoc:document:leave", namespace.leave)
    server.on("bench:backlog", namespace.backlog)
    return socketio.ASGIApp(server, socketio_path="/ws/socket.io")


class Documents:
    """The events of a document."""

    def __init__(self, server: socketio.AsyncServer, documents: Ints) -> None:
        self._server = server
        self._documents = documents

    async def connect(self, _sid: str, _environ: dict[str, Any], _auth: dict[str, Any]) -> None:
        """Everybody may come in."""

    async def join(self, sid: str, body: dict[str, Any]) -> None:
        document = body["document_id"]
        await self._documents.join(document, sid)
        await self._server.enter_room(sid, f"doc_{document}")
        state = list(await self._documents.state(document))
        await self._server.emit("ydoc:document:state", {"document_id": document, "state": state}, room=sid)
        await self._server.emit("ydoc:user:joined", body, room=f"doc_{document}", skip_sid=sid)

    async def update(self, sid: str, body: dict[str, Any]) -> None:
        document, update = body["document_id"], bytes(body["update"])
        Doc[Any]().apply_update(update)  # its check: an update that an empty document does not take is refused
        await self._documents.append(document, [update])
        await self._server.emit("ydoc:document:update", body, room=f"doc_{document}", skip_sid=sid)

    async def leave(self, sid: str, body: dict[str, Any]) -> None:
        await self._documents.leave(body["document_id"], sid)
        await self._server.leave_room(sid, f"doc_{body['document_id']}")

    async def backlog(self, _sid: str, body: dict[str, Any]) -> bool:
        """For the benchmark: a history at once, squashed as often as it would have been, without its requests."""
        made = updates_of(Path(body["file"]), body["from"], body["to"])
        for at in range(0, len(made), SQUASHED_AT // 2):
            await self._documents.append(body["document_id"], made[at : at + SQUASHED_AT // 2])
        return True


if __name__ == "__main__":
    uvicorn.run(application(os.environ["REDIS_URL"]), port=int(os.environ["PORT"]), log_level="warning")
