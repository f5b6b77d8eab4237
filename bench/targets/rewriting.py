"""Open WebUI's emitter with a meter of what it sends to SQL. All of it is in `publisher/rewriting.py`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from bench.program import Program
from bench.publisher.payload import Room
from bench.publisher.rewriting import engine_of
from bench.publisher.rewriting_tables import Base, Chat, ChatMessage
from bench.sql_meter import SqlMeter
from bench.targets.base import Place
from bench.targets.stores import ANSWERED, answer_room, history, metered_url


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
    stored_sql: str = (
        f"SELECT coalesce(sum(length(content #>> '{{}}')), 0) FROM owui_chat_message WHERE id LIKE '%-{ANSWERED}%'"
    )
    kind: str = "rewriting"

    @property
    def urls(self) -> list[str]:
        return []

    async def rooms(self, count: int) -> list[Room]:
        rooms = [answer_room(number, f"00000000-0000-4000-8000-{number:012d}") for number in range(count)]
        engine = engine_of(self.place.postgres.url_of(self.database))
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            for room in rooms:
                self._add(session, room)
            session.commit()
        engine.dispose()
        return rooms

    def _add(self, session: Session, room: Room) -> None:
        """A chat with its history and the empty message that is to be answered."""
        chat = history(self.turns)
        chat["messages"][room.message] = {
            "id": room.message,
            "parentId": chat["currentId"],
            "childrenIds": [],
            "role": "assistant",
            "content": "",
            "model": "bench",
            "timestamp": 1_763_700_000,
        }
        session.add(Chat(id=room.chat, user_id=room.user, title="Bench", chat={"title": "Bench", "history": chat}))
        for name, message in chat["messages"].items():
            row = ChatMessage(id=f"{room.chat}-{name}", chat_id=room.chat, user_id=room.user, role=message["role"])
            row.parent_id, row.content = message["parentId"], message["content"]
            session.add(row)

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
