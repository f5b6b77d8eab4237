"""The tasks that run now, on all nodes."""

from __future__ import annotations

from dataclasses import dataclass

from registry.tasks import Tasks


@dataclass(frozen=True, slots=True)
class RunningTask:
    """item_id: what it belongs to, a chat's id mostly. node: its owner. lease_until_ms: Unix ms, unless it is kept."""

    task_id: str
    item_id: str
    user_id: str
    node: str
    since_ms: int
    lease_until_ms: int


@dataclass(frozen=True, slots=True)
class TaskPage:
    """tasks: by id. cursor: where more go on; None when there are none."""

    tasks: tuple[RunningTask, ...]
    cursor: str | None


async def running_tasks(tasks: Tasks, after: str = "", limit: int = 100) -> TaskPage:
    """Running tasks, or those whose ids follow `after`. Raises LogUnavailable."""
    held = await tasks.held()
    ids = sorted(task_id for task_id in held if task_id > after)
    shown = ids[:limit]
    found = [
        RunningTask(task.id, task.item, task.user_id, task.node, task.started * 1000, held[task.id])
        for task in await tasks.records(shown)
        if not task.ended
    ]
    return TaskPage(tuple(found), shown[-1] if len(ids) > limit else None)
