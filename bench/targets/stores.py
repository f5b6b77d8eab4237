"""Us with a meter of what the worker sends to SQL, for the case that stores tokens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from bench.program import Program
from bench.publisher.payload import Room
from bench.sql_meter import SqlMeter, metered
from bench.targets.base import Place
from bench.targets.roomlog import Roomlog, RunningRoomlog

TURN_CHARACTERS = 2000
"""Of each message that a chat has before."""

ANSWERED = "5eed"
"""How ids of messages begin whose tokens are counted."""


def answer_room(number: int, chat: str) -> Room:
    """A user's room with an answer in a chat; ids as long as real ones."""
    user = f"a5e70000-0000-4000-8000-{number:012d}"
    return Room(number, f"user:{user}", user, chat, f"{ANSWERED}0000-0000-4000-8000-{number:012d}")


def history(turns: int) -> dict[str, Any]:
    """A chat's messages, as Open WebUI stores them."""
    names = [f"old{number}" for number in range(turns)]
    messages = {
        name: {
            "id": name,
            "parentId": names[number - 1] if number else None,
            "childrenIds": names[number + 1 : number + 2],
            "role": "assistant" if number % 2 else "user",
            "content": "word " * (TURN_CHARACTERS // 5),
            "done": True,
            "timestamp": 1_763_700_000 + number,
        }
        for number, name in enumerate(names)
    }
    return {"messages": messages, "currentId": names[-1] if names else None}


async def metered_url(place: Place, database: str, stack: AsyncExitStack) -> tuple[str, SqlMeter]:
    """A database's URL through a meter that lives as long as `stack`."""
    server = str(conninfo_to_dict(place.postgres.conninfo)["host"])
    meter = await stack.enter_async_context(metered(server, place.folder))
    return place.postgres.url_of(database, str(place.folder)), meter


@dataclass(slots=True)
class RunningStore:
    """Us with the worker's connections metered. stored_sql: how many characters of tokens are stored."""

    inner: RunningRoomlog
    meter: SqlMeter
    turns: int
    stack: AsyncExitStack
    stored_sql: str = f"SELECT coalesce(sum(length(content)), 0) FROM messages WHERE id LIKE '{ANSWERED}%'"
    kind: str = "roomlog"
    database_url: str = ""

    @property
    def database(self) -> str:
        return self.inner.database

    @property
    def programs(self) -> Sequence[Program]:
        return self.inner.programs

    @property
    def urls(self) -> list[str]:
        return self.inner.urls

    async def rooms(self, count: int) -> list[Room]:
        """Users with a chat each, whose history is posted as Open WebUI's page does."""
        body = {"chat": {"title": "Bench", "history": history(self.turns)}}
        path = "/api/v1/chats/new" + "?ack=sql" * bool(self.turns)  # a long history is not to be folded later
        return await self.inner.with_chats([answer_room(number, "") for number in range(count)], body, path)

    def auth(self, rooms: Sequence[Room]) -> dict[str, Any]:
        return self.inner.auth(rooms)

    async def stop(self) -> None:
        await self.inner.stop()
        await self.stack.aclose()


@dataclass(frozen=True, slots=True)
class RoomlogStore:
    """turns: messages that a chat has before."""

    name: str = "Roomlog"
    turns: int = 0

    async def start(self, place: Place) -> RunningStore:
        async with AsyncExitStack() as stack:
            database = place.postgres.create()
            url, meter = await metered_url(place, database, stack)
            inner = await Roomlog(worker_database_url=url).start_on(place, database)
            return RunningStore(inner, meter, self.turns, stack.pop_all())
