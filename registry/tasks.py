"""Tasks of all nodes: a record per task that its owner keeps alive, by item and in one list. Nothing is scanned.

A record expires with its lease. What a dead owner leaves to be closed in the log outlives it, until a worker has
closed it (workers/interrupter.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streams.keys import Keys
from streams.link import Client, now_ms, retrying, run_script

HOLD = 0.8
"""Part of `task_lease_s` for which a lease is held. The rest is the workers' time to close what is left."""

LISTED = 10_000
"""Tasks that one list names at most."""

END_KEPT_S = 10.0
"""How long an end that somebody waits for stays readable."""


def is_page_only(chat_id: str) -> bool:
    """Whether a chat is known to its page alone: anybody may have one by this name, and nothing of it is stored."""
    return chat_id == "local" or chat_id.startswith(("local:", "temporary:"))


def item_of(user_id: str, chat_id: str) -> str:
    """The item that tasks of a user's chat belong to: the chat, or one of this user's alone where names say nothing."""
    return f"{user_id}/{chat_id}" if is_page_only(chat_id) else chat_id


@dataclass(frozen=True, slots=True)
class Remains:
    """What a task leaves unfinished when its owner dies: a message in the middle of a run."""

    user_id: str
    chat_id: str
    message_id: str
    run: str

    @property
    def item(self) -> str:
        """The item of the message's chat."""
        return item_of(self.user_id, self.chat_id)

    @property
    def fence(self) -> str:
        """Name of the fence of this message's runs."""
        return f"{self.user_id}/{self.chat_id}/{self.message_id}"


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task as every node sees it. item: what it belongs to, a chat's id mostly. started: Unix seconds.

    ended: how it ended, "" while it runs; kept for a moment for whoever asked it to stop.
    """

    id: str
    item: str
    node: str
    user_id: str = ""
    started: int = 0
    remains: Remains | None = None
    ended: str = ""


class Tasks:
    """The records. All calls may be repeated; they raise LogUnavailable when Redis does not answer."""

    def __init__(self, keys: Keys, client: Client, lease_s: float) -> None:
        self._keys = keys
        self._client = client
        self._lease_ms = int(lease_s * 1000)

    async def register(self, task: TaskRecord) -> None:
        """Write a task's record, its lease beginning now."""
        remains = _dump(task.remains)
        fields = {"item": task.item, "node": task.node, "user": task.user_id, "started": str(task.started)}
        if task.remains is not None:
            left = task.remains
            fields |= {"chat_id": left.chat_id, "message_id": left.message_id, "run": left.run}
        pairs = [part for pair in fields.items() for part in pair]
        await self._script("task_hold", task, [task.id, self._lease_ms, remains, *pairs])

    async def hold(self, task: TaskRecord) -> bool | None:
        """Keep a task's lease. True when somebody asked for a stop; None when the lease had run out."""
        answer = int(await self._script("task_hold", task, [task.id, self._lease_ms, ""]))
        return None if answer < 0 else bool(answer)

    async def end(self, task: TaskRecord, how: str, *, closed: bool) -> None:
        """Remove a task's record. closed: False leaves what it began to the workers, to be closed at once."""
        await self._script("task_end", task, [task.id, how, int(END_KEPT_S * 1000), "" if closed else "1"])

    async def ask_to_stop(self, task_id: str) -> bool:
        """Note that a task is to be stopped. False when it is over already, or never was."""
        answer = await retrying(lambda: run_script(self._client, "task_ask", [self._keys.task(task_id)], []))
        return bool(answer == b"asked")

    async def get(self, task_id: str) -> TaskRecord | None:
        """The record of a task, or its end; None when it has neither."""
        raw = await retrying(lambda: self._client.hgetall(self._keys.task(task_id)))
        return _record(task_id, raw) if raw else None

    async def running(self, item_id: str | None = None) -> list[str]:
        """Ids of the tasks whose lease is held: of one item, or all."""
        key = self._keys.task_leases if item_id is None else self._keys.tasks_of(item_id)
        return await self._listed(key, "held", LISTED)

    async def tell_active(self, item_id: str, tell: Callable[[bool], Awaitable[None]]) -> None:
        """Tell whether an item has running tasks, and again until what was told last is still so.

        When many do this, each behind a change of its own, the last that was told is true, on whichever nodes they are.
        """
        told: bool | None = None
        while (active := bool(await self.running(item_id))) != told:
            await tell(active)
            told = active

    async def count(self) -> int:
        """How many leases there are, with those that ran out and were not seen to yet."""
        return int(await retrying(lambda: self._client.zcard(self._keys.task_leases), 1.0))

    async def held(self) -> dict[str, int]:
        """The tasks whose lease is held, LISTED at most -> Unix ms of its end."""

        async def held() -> list[tuple[bytes, float]]:
            now, key = await now_ms(self._client), self._keys.task_leases
            return list(await self._client.zrangebyscore(key, f"({now}", "+inf", 0, LISTED, withscores=True))

        return {task_id.decode(): int(until) for task_id, until in await retrying(held)}

    async def records(self, task_ids: Sequence[str]) -> list[TaskRecord]:
        """The records of those of these tasks that have one."""

        async def records() -> list[dict[bytes, bytes]]:
            pipe = self._client.pipeline(transaction=False)
            for task_id in task_ids:
                pipe.hgetall(self._keys.task(task_id))
            return list(await pipe.execute())

        found = zip(task_ids, await retrying(records), strict=True) if task_ids else ()
        return [_record(task_id, raw) for task_id, raw in found if raw]

    async def running_of(self, user_id: str) -> list[str]:
        """Ids of one user's tasks whose lease is held."""
        return await self._listed(self._keys.tasks_of_user(user_id), "held", LISTED)

    # what the workers see to

    async def expired(self, limit: int = 100) -> list[str]:
        """Ids of tasks whose owner did not keep the lease."""
        return await self._listed(self._keys.task_leases, "expired", limit)

    async def remains_of(self, task_ids: Sequence[str]) -> dict[str, Remains | None]:
        """What these tasks left to be closed; None for one that leaves nothing."""
        if not task_ids:
            return {}
        raw = await retrying(lambda: self._client.hmget(self._keys.task_remains, list(task_ids)))
        return {task_id: _load(left) for task_id, left in zip(task_ids, raw, strict=True)}

    async def bury(self, task_id: str) -> None:
        """Forget an expired task for good: what it left is closed."""

        async def bury() -> None:
            pipe = self._client.pipeline(transaction=True)
            pipe.hdel(self._keys.task_remains, task_id)
            pipe.zrem(self._keys.task_leases, task_id)
            await pipe.execute()

        await retrying(bury)

    async def _script(self, name: str, task: TaskRecord, args: list[Any]) -> Any:
        names = self._keys
        keys = [names.task(task.id), names.tasks_of(task.item), names.task_leases, names.task_remains]
        keys.append(names.tasks_of_user(task.user_id))
        return await retrying(lambda: run_script(self._client, name, keys, args), 3.0)

    async def _listed(self, key: str, which: str, limit: int) -> list[str]:
        raw = await retrying(lambda: run_script(self._client, "task_list", [key], [which, limit]))
        return [task_id.decode() for task_id in raw]


def _dump(remains: Remains | None) -> bytes:
    if remains is None:
        return b""
    return orjson.dumps([remains.user_id, remains.chat_id, remains.message_id, remains.run])


def _load(raw: bytes | None) -> Remains | None:
    return Remains(*orjson.loads(raw)) if raw else None


def _record(task_id: str, raw: dict[bytes, bytes]) -> TaskRecord:
    found = {name.decode(): value.decode() for name, value in raw.items()}
    user_id = found.get("user", "")
    remains = Remains(user_id, found["chat_id"], found["message_id"], found["run"]) if "run" in found else None
    started = int(found.get("started", 0))
    return TaskRecord(
        task_id, found.get("item", ""), found.get("node", ""), user_id, started, remains, found.get("ended", "")
    )
