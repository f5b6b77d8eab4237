"""What clients may say about channels over their sockets."""

from __future__ import annotations

from typing import Any

import orjson

from app.channel_payloads import ChannelEvent, TypingData
from app.channels import Channels
from app.drafts import EVENT
from app.memberships import Memberships
from app.payloads import parse
from app.session import Session
from app.session_rooms import Refused, SessionRooms
from archive.channel import CHANNEL_ROOM
from streams.bus import Bus, Signal


class ChannelSocket:
    """The handlers of `events:channel` and `join-channels`; errors are answered by whoever calls them."""

    def __init__(self, channels: Channels, memberships: Memberships, rooms: SessionRooms, bus: Bus) -> None:
        self._channels = channels
        self._memberships = memberships
        self._rooms = rooms
        self._bus = bus

    async def join_all(self, session: Session) -> None:
        """Put the session into the rooms of all channels of its user. Raises TooManyRooms."""
        for mine in await self._channels.mine(session.user_id):
            room = CHANNEL_ROOM + mine.stored.channel.id
            try:
                if room not in session.feed.rooms:
                    await self._rooms.join(session, room)
            except Refused:
                continue  # the user was removed since the list was read

    async def event(self, session: Session, payload: Any) -> bool:
        """`events:channel` of a member: typing goes to the others, reading into the user's own room."""
        event = parse(ChannelEvent, payload)
        room = CHANNEL_ROOM + event.channel_id
        if room not in session.feed.rooms:
            raise Refused(f"there is no channel {event.channel_id[:100]} for you")
        if isinstance(event.data, TypingData):
            await self._bus.publish(Signal(room, EVENT, _typing(session, event, event.data), session.sid))
        else:
            await self._memberships.read(event.channel_id, session.user_id)
        return True


def _typing(session: Session, event: ChannelEvent, data: TypingData) -> bytes:
    identity = session.identity
    return orjson.dumps(
        {
            "channel_id": event.channel_id,
            "message_id": event.message_id,
            "data": {"type": "typing", "data": {"typing": data.data.typing}},
            "user": {"id": identity.user_id, "name": identity.name, "role": identity.role},
        }
    )
