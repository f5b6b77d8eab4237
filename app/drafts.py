"""What somebody wants to write to a channel, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archive.channel import ChannelMessage
from archive.shapes import JsonObject
from streams.append import Appended

EVENT = "events:channel"


class NoMessage(Exception):
    """There is no such message in the channel, or it was deleted."""


class NotYours(Exception):
    """The user may see the message, but not change it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: a user, or a webhook (role "webhook")."""

    id: str
    name: str
    role: str

    @property
    def wire(self) -> JsonObject:
        return {"id": self.id, "name": self.name, "role": self.role}


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to post. user_id: whose it is. temp_id: what the poster's page calls it meanwhile."""

    user_id: str
    content: str
    parent_id: str | None = None
    reply_to_id: str | None = None
    data: Any = None
    meta: Any = None
    temp_id: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a message. data: joins the message in what clients see. patch: columns, for `message:update`.

    may: whether the actor may make it, given the message.
    """

    kind: str
    data: JsonObject
    patch: JsonObject | None = None
    may: Callable[[ChannelMessage], bool] = lambda _message: True


@dataclass(frozen=True, slots=True)
class Written:
    """A message after a write, as clients see it, and where the write is in the log."""

    message: JsonObject
    appended: Appended
