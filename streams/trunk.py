"""A client whose calls share one connection: what is asked at about one time goes out, and comes back, together.

redis-py takes a connection of its pool for every call, and spends more on that than on the call: a lock, a timeout's
task, a reader's task. When hundreds of clients come back at once a node does little else. Here a call is a few words
put on the wire, and a future; answers come in the order of the calls. Not for calls that block, watch or subscribe.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hiredis
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from streams.takeover import NOT_YET, TakenOver, lost

Words = Sequence[Any]
"""A command: its name and arguments, as str, bytes, int or float."""


@dataclass(slots=True)
class _Call:
    """One or more commands, and their replies as they come. sent_at: loop time."""

    wanted: int
    sent_at: float
    done: asyncio.Future[list[Any]]
    replies: list[Any] = field(default_factory=list)


class Trunk:
    """One connection of a pool, made when it is needed and made anew when it is lost.

    timeout_s: when an answer is due; the connection is cut then, and all that wait on it fail.
    """

    def __init__(self, pool: Any, timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._end: _End | None = None
        self._connecting: asyncio.Task[_End] | None = None

    async def call(self, commands: Sequence[Words]) -> list[Any]:
        """The replies, raw, to commands that nothing comes in between; a refused one's is its exception.

        Raises redis' ConnectionError and those of connecting. Cancel-safe; a cancelled call may be carried out.
        """
        end = self._end
        if end is None or end.transport.is_closing():
            end = await self._connected()
        return await end.call(commands)

    async def _connected(self) -> _End:
        """The connection that all who want one now wait for."""
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._connected_or_not)
        return await asyncio.shield(self._connecting)

    def _connected_or_not(self, task: asyncio.Task[_End]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # raised to those who wait; they may all have gone

    async def _connect(self) -> _End:
        await self._drop()
        end = self._end = _End(await self._pool.get_connection(), self._timeout_s)
        return end

    async def _drop(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            await end.give_back(self._pool)

    async def aclose(self) -> None:
        """End the connection; calls that wait fail. May be called twice."""
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait({self._connecting})
        await self._drop()


class _End(TakenOver):
    """For many calls at a time."""

    def __init__(self, connection: Any, timeout_s: float) -> None:
        super().__init__(connection)
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._calls: deque[_Call] = deque()
        self._watch: asyncio.TimerHandle | None = None

    async def call(self, commands: Sequence[Words]) -> list[Any]:
        if self.transport.is_closing():
            raise lost()
        packed = b"".join(map(_packed, commands))
        call = _Call(len(commands), self._loop.time(), self._loop.create_future())
        self._calls.append(call)
        self.transport.write(packed)
        if self._watch is None:
            self._watch = self._loop.call_at(call.sent_at + self._timeout_s, self._look)
        return await call.done

    def _look(self) -> None:
        """Cut the link if the oldest call is overdue."""
        self._watch = None
        if self._calls:
            due = self._calls[0].sent_at + self._timeout_s
            if due <= self._loop.time():
                self.transport.abort()
            else:
                self._watch = self._loop.call_at(due, self._look)

    def data_received(self, data: bytes) -> None:
        self.replies.feed(data)
        while (reply := self.replies.gets()) is not NOT_YET:
            call = self._calls[0]
            call.replies.append(reply)
            if isinstance(reply, redis_errors.ReadOnlyError):  # a primary that is none any more: there is another
                self.transport.abort()
            if len(call.replies) == call.wanted:
                self._calls.popleft()
                if not call.done.done():
                    call.done.set_result(call.replies)

    def connection_lost(self, fault: Exception | None) -> None:
        super().connection_lost(fault)
        if self._watch is not None:
            self._watch.cancel()
        while self._calls:
            call = self._calls.popleft()
            if not call.done.done():
                call.done.set_exception(lost(fault))


def _packed(words: Words) -> bytes:
    """A command as it goes over the wire. redis-py writes `MEMORY USAGE` as one word."""
    name, *more = words
    names = name.split() if isinstance(name, str) else [name]
    packed: bytes = hiredis.pack_command((*names, *more))
    return packed


class TrunkClient(Redis):
    """redis-py's client, with its calls and pipelines on a trunk. Subscriptions have connections of their own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._trunk = Trunk(self.connection_pool, self.connection_pool.connection_kwargs["socket_timeout"])

    async def execute_command(self, *words: Any, **options: Any) -> Any:
        (reply,) = await self._trunk.call([words])
        if isinstance(reply, Exception):
            raise reply
        return self._read(words, options, reply)

    def _read(self, words: Words, options: Mapping[str, Any], reply: Any) -> Any:
        """A reply as redis-py hands it out."""
        read = self.response_callbacks.get(words[0]) if isinstance(words[0], str) else None
        return (
            reply if read is None else read(reply, **{name: value for name, value in options.items() if name != "keys"})
        )

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        made = _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.trunk_client = self
        return made

    async def together(self, stack: Sequence[tuple[Words, Mapping[str, Any]]], transaction: bool) -> list[Any]:
        """The replies to commands with their options; of a transaction, all of them or an error."""
        commands = [words for words, _options in stack]
        if transaction:
            *_queued, replies = await self._trunk.call([("MULTI",), *commands, ("EXEC",)])
        else:
            replies = await self._trunk.call(commands)
        if isinstance(replies, Exception):
            raise next((reply for reply in _queued if isinstance(reply, Exception)), replies)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return [self._read(words, options, reply) for (words, options), reply in zip(stack, replies, strict=True)]

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await self._trunk.aclose()
        await super().aclose(close_connection_pool)


class _Pipeline(Pipeline):
    """Commands that go out together."""

    trunk_client: TrunkClient

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack, self.command_stack = self.command_stack, []
        return await self.trunk_client.together(stack, self.is_transaction) if stack else []
