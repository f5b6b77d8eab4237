"""Ephemeral events between nodes: Pub/Sub, at most once, no position, never replayed."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from redis import exceptions as redis_errors

from streams.errors import RETRYABLE
from streams.link import Client, Link, retrying

log = logging.getLogger("roomlog.bus")


@dataclass(frozen=True, slots=True)
class Signal:
    """An ephemeral event on its way to the members of a room. data: the event's one argument as JSON bytes.

    skip: a session, or the `user:{id}` of sessions, that it is not for. binary: what the placeholder in `data` stands
    for.
    """

    room: str
    event: str
    data: bytes
    skip: str = ""
    binary: bytes = b""


class Bus:
    """The shard's channel of signals. `run` must be running for `deliver` to be called.

    deliver: may raise ValueError for a signal that it cannot read. skipped: called for each signal that nobody could.
    """

    def __init__(
        self,
        link: Link,
        client: Client,
        deliver: Callable[[Signal], None],
        skipped: Callable[[], object] = lambda: None,
    ) -> None:
        self._channel = link.keys.bus
        self._client = client
        self._deliver = deliver
        self._skipped = skipped
        self._linked = True  # that it is lost is told once

    async def publish(self, signal: Signal) -> None:
        """Send to every node that listens now. Raises LogUnavailable when Redis does not take it."""
        message = frame(signal)
        await retrying(lambda: self._client.publish(self._channel, message), 2.0)

    async def run(self) -> None:
        """Listen until cancelled; a lost link is made anew, what was sent meanwhile is gone (that is the promise)."""
        while True:
            try:
                await self._listen()
            except (*RETRYABLE, redis_errors.RedisError) as fault:
                log.log(logging.WARNING if self._linked else logging.DEBUG, "the bus lost its link: %s", fault)
                self._linked = False
                await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(self._channel)
            self._linked = True
            while True:
                message = await pubsub.get_message(timeout=1.0)
                if message is not None:
                    self._take(message["data"])

    def _take(self, message: bytes) -> None:
        """Deliver a signal. What cannot be read is skipped: whoever may publish must not be able to end a node."""
        try:
            self._deliver(_parse(message))
        except (ValueError, RecursionError) as fault:  # the latter of JSON that is nested too deep
            log.error("a signal of %d bytes is skipped, it cannot be read: %s", len(message), fault)
            self._skipped()


def frame(signal: Signal) -> bytes:
    """A signal as it travels; whatever is put behind one without an attachment is more of its data."""
    attached = [len(signal.binary)] if signal.binary else []
    head = json.dumps([signal.room, signal.event, signal.skip, *attached]).encode()
    return len(head).to_bytes(4, "big") + head + signal.data + signal.binary


def _parse(message: bytes) -> Signal:
    """The signal of a frame. Raises ValueError."""
    size = int.from_bytes(message[:4], "big")
    head, body = json.loads(message[4 : 4 + size]), message[4 + size :]
    attached = head.pop() if isinstance(head, list) and len(head) == 4 else 0
    if not (isinstance(head, list) and len(head) == 3 and all(isinstance(part, str) for part in head)):
        raise ValueError("the head is not room, event, skip")
    if type(attached) is not int or not 0 <= attached <= len(body):
        raise ValueError("the attachment is not there")
    room, event, skip = head
    end = len(body) - attached
    return Signal(room, event, body[:end], skip, body[end:])
