"""Tasks: which there are, and stopping them."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.http import ApiError, Json, identify, node_of
from app.node import Node
from app.tasks import Outcome
from registry.tasks import TaskRecord

STOPS = 100
"""Tasks of a chat that are stopped at once."""

MEANING: dict[Outcome, str] = {
    "stopped": "stopped",
    "over": "is already over",
    "unreachable": "could not be stopped yet: its owner does not answer; it stops when the owner is back",
}


async def list_all(request: Request) -> Response:
    """The running tasks of all nodes: one's own, or everybody's for admins and services."""
    node, identity = node_of(request), await identify(request)
    tasks = await (node.tasks.list_tasks() if identity.may_serve else node.tasks.list_tasks_of(identity.user_id))
    return Json({"tasks": tasks})


async def list_of_chat(request: Request) -> Response:
    """The running tasks of a chat, on all nodes; none for who may only read it, as the page expects."""
    node, identity = node_of(request), await identify(request)
    chat_id: str = request.path_params["chat_id"]
    if await node.access.chat_to_write(identity, chat_id) is None:
        if not await node.access.may_read_chat(identity, chat_id):
            raise _no_chat(chat_id)
        return Json({"task_ids": []})
    return Json({"task_ids": await node.tasks.list_task_ids_by_item_id(chat_id)})


async def stop(request: Request) -> Response:
    """Stop a task, on whichever node it runs; answers when it has ended, or why it has not."""
    node, identity = node_of(request), await identify(request)
    task_id: str = request.path_params["task_id"]
    task = await node.tasks.find(task_id)
    known = task is not None and await _may_stop(node, identity, task)
    outcome = await node.tasks.stop_task(task_id) if known else "over"  # nor is it told that somebody else has it
    message = f"task {task_id[:100]} {MEANING[outcome]}"
    return Json({"status": outcome == "stopped", "outcome": outcome, "message": message})


async def stop_of_chat(request: Request) -> Response:
    """Stop all tasks of a chat. `status` is true when none of them runs any more."""
    node, identity = node_of(request), await identify(request)
    chat_id = await _chat(request, node, identity)
    running = await node.tasks.list_task_ids_by_item_id(chat_id)
    task_ids, more = running[:STOPS], len(running[STOPS:])
    outcomes = dict(zip(task_ids, await asyncio.gather(*map(node.tasks.stop_task, task_ids)), strict=True))
    left = [task_id for task_id, outcome in outcomes.items() if outcome == "unreachable"]
    message = f"{len(left)} tasks {MEANING['unreachable']}" if left else f"{len(task_ids)} tasks stopped"
    message += f"; {more} more run: ask again" if more else ""
    return Json({"status": not left and not more, "task_ids": task_ids, "outcomes": outcomes, "message": message})


async def _may_stop(node: Node, identity: Identity, task: TaskRecord) -> bool:
    """Whoever may write to the chat that a task works on, besides the task's own user, admins and services."""
    if identity.may_serve or task.user_id == identity.user_id:
        return True
    return await node.access.chat_to_write(identity, task.item) is not None


async def _chat(request: Request, node: Node, identity: Identity) -> str:
    """The chat of the path, if the asking user may write to it. Raises ApiError 404."""
    chat_id: str = request.path_params["chat_id"]
    if await node.access.chat_to_write(identity, chat_id) is None:
        raise _no_chat(chat_id)
    return chat_id


def _no_chat(chat_id: str) -> ApiError:
    return ApiError(404, "not_found", f"there is no chat {chat_id[:100]} for you")
