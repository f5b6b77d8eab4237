"""Open WebUI's emitter with a meter of what it sends to SQL. All of it is in `publisher/rewriting.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench.program import Program
from bench.publisher.payload import Room
from bench.publisher.rewriting import SCHEMA
from bench.sql_meter import SqlMeter
from bench.targets.base import Place
from bench.targets.stores import history, metered_url


@dataclass(slots=True)
class RunningEmitter:
    """The emitter lives in the publisher's process: there are no nodes."""

    place: Place
    database: str
    database_url: str
    meter: SqlMeter
    turns: int
    stack: AsyncExitStack
    programs: list[Program] = field(default_factory=list)
    stored_sql: str = "SELECT coalesce(sum(length(content)), 0) FROM owui_chat_message WHERE id LIKE '%-m%'"
    kind: str = "rewriting"

    @property
    def urls(self) -> list[str]:
        return []

    async def rooms(self, count: int) -> list[Room]:
        rooms = []
        conninfo = self.place.postgres.conninfo_of(self.database)
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            await connection.execute(SCHEMA)
            for number in range(count):
                room = Room(number, f"user:u{number}", f"u{number}", f"chat-{number}", f"m{number}")
                await self._chat(connection, room)
                rooms.append(room)
        return rooms

    async def _chat(self, connection: psycopg.AsyncConnection[Any], room: Room) -> None:
        chat = history(self.turns)
        chat["messages"][room.message] = {"id": room.message, "role": "assistant", "content": ""}
        stored = json.dumps({"title": "Bench", "history": chat})
        await connection.execute(
            "INSERT INTO owui_chat VALUES (%s, %s, 'Bench', %s, 0)", [room.chat, room.user, stored]
        )
        rows = [(f"{room.chat}-{name}", room.chat, m["role"], m["content"]) for name, m in chat["messages"].items()]
        async with connection.cursor() as cursor:
            await cursor.executemany("INSERT INTO owui_chat_message VALUES (%s, %s, %s, %s, 0)", rows)

    def auth(self, rooms: Sequence[Room]) -> dict[str, Any]:
        raise AssertionError("nobody connects to an emitter")

    async def stop(self) -> None:
        await self.stack.aclose()
        self.place.postgres.drop(self.database)


@dataclass(frozen=True, slots=True)
class OwuiEmitter:
    """turns: messages that a chat has before."""

    name: str = "Open WebUI's emitter"
    turns: int = 0

    async def start(self, place: Place) -> RunningEmitter:
        async with AsyncExitStack() as stack:
            database = place.postgres.create()
            url, meter = await metered_url(place, database, stack)
            return RunningEmitter(place, database, url, meter, self.turns, stack.pop_all())
