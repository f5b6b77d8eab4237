"""What clients say about chats: `events:chat`."""

from __future__ import annotations

from typing import Any

import orjson

from app.access import Access
from app.chat_writes import ChatWrites
from app.payloads import BadPayload, ChatEvent, parse, parse_position
from app.session import Session
from app.session_rooms import Refused, SessionRooms
from streams.bus import Bus, Signal


class ChatSocket:
    """The handler's refusals are raised as BadPayload, Refused, TooManyRooms; else as reading and appending do."""

    def __init__(self, rooms: SessionRooms, access: Access, chats: ChatWrites, bus: Bus) -> None:
        self._rooms = rooms
        self._access = access
        self._chats = chats
        self._bus = bus

    async def event(self, session: Session, payload: Any) -> bool:
        """`events:chat`: join or leave a chat, type in it, or have read it -> true, or false with an `error`."""
        event = parse(ChatEvent, payload)
        room = f"chat:{event.chat_id}"
        match event.data.type:
            case "join":
                await self._rooms.join(session, room, parse_position(event.after))
            case "typing":
                await self._typing(session, event, room)
            case "last_read_at":
                await self._read(session, event.chat_id, room)
            case "leave":
                await self._rooms.leave(session, room)
        return True

    async def _read(self, session: Session, chat_id: str, room: str) -> None:
        if not await self._access.may_read(session.identity, room):
            raise _refused(room)
        await self._chats.mark_read(session.user_id, chat_id)

    async def _typing(self, session: Session, event: ChatEvent, room: str) -> None:
        """Tell the chat's other members; only for members."""
        if event.data.data is None:
            raise BadPayload("data.data.typing: true or false")
        if room not in session.feed.rooms:
            raise _refused(room)
        body = {
            "chat_id": event.chat_id,
            "user_id": session.user_id,
            "shared": True,
            "user": {"id": session.user_id, "name": session.identity.name},
            "data": {"type": "typing", "data": {"typing": event.data.data.typing}},
        }
        await self._bus.publish(Signal(room, "events", orjson.dumps(body), session.sid))


def _refused(room: str) -> Refused:
    return Refused(f"there is no room {room[:100]} for you")
