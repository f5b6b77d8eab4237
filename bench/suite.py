"""The suite: which cases there are, and which targets each has. Others are rated by the first."""

from __future__ import annotations

from collections.abc import Sequence

from bench.cases.base import Case
from bench.cases.fanout import CLIENTS, RATE, Fanout
from bench.cases.fleet import Fleet
from bench.cases.flowing import Flowing
from bench.cases.idle import COUNTED, Idle
from bench.cases.joins import Joins
from bench.cases.publishing import Publishing
from bench.cases.reconnect import MISSED, Reconnect
from bench.cases.rooms import Rooms
from bench.cases.slow_reader import SlowReader
from bench.cases.streaming import Streaming
from bench.cases.tokens import Tokens
from bench.cases.traffic import WITH_BYTES
from bench.targets.base import Target
from bench.targets.peers import FLOOR, OWUI, PYSIO, node
from bench.targets.rewriting import OwuiEmitter
from bench.targets.roomlog import UVICORN, Roomlog
from bench.targets.stores import TURN_CHARACTERS, RoomlogStore

US = Roomlog()
NO_WORKER = Roomlog("Roomlog, no worker", worker=False)
NO_PAUSE = Roomlog("Roomlog, no pause", settings={"TAIL_PAUSE_MS": "0"}, publishing="roomlog, no pause")
FLEET_IDLE = 6
MANY = (10, 1_000, 10_000, 100_000)
"""Rooms."""

WAVES = (10, 50, 200, 1_000)
"""Clients that come back at a time."""

DEFLATE_TITLE = f"Idle, with clients that offer permessage-deflate: {COUNTED:,} connections on 2 nodes"
DEFLATE_FANOUT = f"Fan-out of 2 KB to {CLIENTS} clients that offer permessage-deflate, {RATE:.0f} events/s"
COMPRESSING = Roomlog("Roomlog, compressing", settings={"WEBSOCKET_COMPRESSION": "true"})
DEFLATING = Roomlog("Roomlog by uvicorn, deflating", command=UVICORN)

EIGHT = Roomlog("Roomlog, 8 nodes", idle=FLEET_IDLE)

IOREDIS, REDIS = node("ioredis"), node("redis")
LONG_STREAM = node("ioredis", 200_000)
"""With the adapter's default length it could not bring anybody back over 100,000 events."""


def suite(quick: bool) -> Sequence[Case]:
    """All cases, or those of the quick plan with fewer peers. The dearest come last."""
    return _quick() if quick else _full()


def _quick() -> Sequence[Case]:
    targets = (US, OWUI, IOREDIS, FLOOR)
    return (
        Fanout(targets),
        Streaming(targets),
        _one_room((200,), (US, IOREDIS)),
        _tokens("tokens", 0, 4),
    )


def _full() -> Sequence[Case]:
    return (
        Fanout((US, PYSIO, OWUI, IOREDIS, REDIS, FLOOR)),
        Streaming((US, NO_PAUSE, PYSIO, OWUI, IOREDIS, REDIS, FLOOR)),
        _one_room(WAVES, (US, LONG_STREAM, PYSIO)),
        _many_rooms(),
        Flowing((US, IOREDIS)),
        Fleet((EIGHT,), FLEET_IDLE),
        _tokens("tokens", 0, 4, bursts=True),
        _tokens("tokens-medium", 50, 2),
        _tokens("tokens-long", 200, 1),
        Publishing((US,)),
        Idle((US, PYSIO, IOREDIS, REDIS, FLOOR)),
        Idle((US, DEFLATING, PYSIO, IOREDIS), "idle-deflate", DEFLATE_TITLE, deflate=True),
        Fanout((US, COMPRESSING, DEFLATING, PYSIO, IOREDIS), "fanout-deflate", DEFLATE_FANOUT, True, shown=WITH_BYTES),
        SlowReader((US, PYSIO, IOREDIS)),
        Joins((US, OWUI)),
        Rooms((NO_WORKER,), MANY),
    )


def _tokens(name: str, turns: int, rewritten: int, bursts: bool = False) -> Tokens:
    """turns: messages that a chat has before. rewritten: answers of the peer, so many that it takes some seconds."""
    chats = f"in chats of {turns} messages of {TURN_CHARACTERS // 1000} KB" if turns else "in new chats"
    return Tokens((RoomlogStore(turns=turns), OwuiEmitter(turns=turns)), name, chats, rewritten, bursts)


def _one_room(waves: Sequence[int], targets: Sequence[Target]) -> Reconnect:
    title = f"Reconnect: all clients of 1 room come back, {MISSED} events missed each"
    return Reconnect("reconnect", title, targets, 1, waves)


def _many_rooms() -> Reconnect:
    title = f"Reconnect: clients of 200 rooms come back in waves, {MISSED} events missed each"
    return Reconnect("reconnect-rooms", title, (US, LONG_STREAM), 200, WAVES)
