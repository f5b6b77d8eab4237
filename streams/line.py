"""A connection for the busiest talks with the log, a node's reading and appending and a worker's reading: one command
after the other.

A client library spends more on a command (a pool, a lock, a timeout's task, a reader's task, dictionaries) than the
entries in it cost. redis-py still makes the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import hiredis
from redis import exceptions as redis_errors

from streams.link import Client
from streams.takeover import NOT_YET, TakenOver, lost

Words = Sequence[str | bytes | int]

LOOK_S = 0.25
"""Between looks whether a round's reply is overdue: a timer for each would cost more than the look."""


class Line:
    """A connection of a client's pool, made when it is needed and made anew when it is lost. Not for two at once.

    Replies are as hiredis parses them: bytes, ints, lists, None.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._end: _End | None = None

    async def call(self, words: Words | bytes, timeout_s: float) -> Any:
        """The reply to a command, of words or packed. Raises redis' errors; ConnectionError also when nothing came in
        time.

        After a fault of the connection, or a cancellation, it is not known whether the command was carried out.
        """
        return await self._talk(lambda end: end.call(words, timeout_s))

    async def rounds(self, ask: Callable[[], Words], take: Callable[[Any], float | None], timeout_s: float) -> None:
        """Ask, hand the reply to `take`, ask again after as many seconds as it says; until it says None.

        `take` runs in the turn of the loop in which the reply came: no task is woken for it, nor for the next question.
        Raises as `call` does, and what `take` raises.
        """
        await self._talk(lambda end: end.rounds(ask, take, timeout_s))

    async def _talk(self, talk: Callable[[_End], Coroutine[Any, Any, Any]]) -> Any:
        end = self._end or await self._connect()
        try:
            return await talk(end)
        except redis_errors.ResponseError as fault:
            if isinstance(fault, redis_errors.ReadOnlyError):  # it is the primary no longer: ask again who is
                await self.aclose()
            raise
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the connection; the next call makes another. May be called twice."""
        end, self._end = self._end, None
        if end is not None:
            await end.give_back(self._client.connection_pool)

    async def _connect(self) -> _End:
        end = self._end = _End(await self._client.connection_pool.get_connection())
        return end


class _End(TakenOver):
    """For one call at a time."""

    _over: asyncio.Future[Any] | None = None
    _rounds: _Rounds | None = None

    async def call(self, words: Words | bytes, timeout_s: float) -> Any:
        reply = self._begin()
        self.ask(words)
        silent = reply.get_loop().call_later(timeout_s, self.transport.abort)
        try:
            return await reply
        finally:
            silent.cancel()

    async def rounds(self, ask: Callable[[], Words], take: Callable[[Any], float | None], timeout_s: float) -> None:
        over = self._begin()
        self._rounds = _Rounds(self, ask, take, timeout_s)
        try:
            await over
        finally:
            self._rounds.stop()
            self._rounds = None

    def _begin(self) -> asyncio.Future[Any]:
        if self.transport.is_closing():
            raise lost()
        self._over = asyncio.get_running_loop().create_future()
        return self._over

    def ask(self, words: Words | bytes) -> None:
        if isinstance(words, bytes):
            self.transport.write(words)
        else:
            self.transport.write(hiredis.pack_command(tuple(words)))  # type: ignore[arg-type]  # its stub takes one word

    def data_received(self, data: bytes) -> None:
        self.replies.feed(data)
        reply = self.replies.gets()
        if reply is NOT_YET or self._over is None or self._over.done():
            return
        try:
            if isinstance(reply, Exception):
                raise reply
            if self._rounds is None or self._rounds.took(reply):
                self._over.set_result(reply)
        except Exception as fault:  # noqa: BLE001  # whoever awaits the talk gets it
            self._over.set_exception(fault)

    def connection_lost(self, fault: Exception | None) -> None:
        super().connection_lost(fault)
        if self._over is not None and not self._over.done():
            self._over.set_exception(lost(fault))


class _Rounds:
    """Of one end, until they are stopped."""

    def __init__(
        self, end: _End, ask: Callable[[], Words], take: Callable[[Any], float | None], timeout_s: float
    ) -> None:
        self._end = end
        self._ask = ask
        self._take = take
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._due: float | None = None
        self._next: asyncio.TimerHandle | None = None
        self._looking = self._loop.call_later(LOOK_S, self._look)
        self._go()

    def took(self, reply: Any) -> bool:
        """Whether this was the last one."""
        self._due = None
        pause_s = self._take(reply)
        if pause_s:
            self._next = self._loop.call_later(pause_s, self._go)
        elif pause_s is not None:
            self._go()
        return pause_s is None

    def stop(self) -> None:
        self._looking.cancel()
        if self._next is not None:
            self._next.cancel()

    def _go(self) -> None:
        self._due = self._loop.time() + self._timeout_s
        self._end.ask(self._ask())

    def _look(self) -> None:
        if self._due is not None and self._loop.time() > self._due:
            self._end.transport.abort()
        else:
            self._looking = self._loop.call_later(LOOK_S, self._look)
