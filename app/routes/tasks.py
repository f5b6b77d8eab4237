"""Tasks: which there are, and stopping them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.auth import Identity
from app.http import ApiError, Json, identify, node_of
from app.node import Node
from app.tasks import Outcome
from registry.tasks import TaskRecord, is_page_only, item_of

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
    item = await _item(node, identity, chat_id)
    if item is None and not await node.access.may_read_chat(identity, chat_id):
        raise _no_chat(chat_id)
    return Json({"task_ids": [] if item is None else await node.tasks.list_task_ids_by_item_id(item)})


async def stop(request: Request) -> Response:
    """Stop a task, on whichever node it runs; answers when it has ended, or why it has not."""
    node, identity = node_of(request), await identify(request)
    task_id: str = request.path_params["task_id"]
    task = await node.tasks.find(task_id)
    known = task is not None and await _may_stop(node, identity, task)
    outcome = await node.tasks.stop_task(task_id) if known else "over"  # nor is it told that somebody else has it
    if task is not None and task.user_id != identity.user_id:
        await _note(node, identity, task_id, outcome)
    message = f"task {task_id[:100]} {MEANING[outcome]}"
    return Json({"status": outcome == "stopped", "outcome": outcome, "message": message})


async def stop_of_chat(request: Request) -> Response:
    """Stop all tasks of a chat. `status` is true when none of them runs any more."""
    node, identity = node_of(request), await identify(request)
    chat_id: str = request.path_params["chat_id"]
    item = await _item(node, identity, chat_id)
    if item is None:
        raise _no_chat(chat_id)
    foreign = await node.owners.of(chat_id) not in (None, identity.user_id)
    outcomes = await node.tasks.stop_tasks_of_item(item)
    for task_id, outcome in outcomes.items() if foreign else ():
        await _note(node, identity, task_id, outcome)
    left = await node.tasks.list_task_ids_by_item_id(item)
    unreachable = list(outcomes.values()).count("unreachable")
    message = f"{len(outcomes)} tasks stopped" + (f"; {len(left)} still run: ask again" if left else "")
    message = f"{unreachable} tasks {MEANING['unreachable']}" if unreachable else message
    status = not unreachable and not left
    return Json({"status": status, "task_ids": list(outcomes), "outcomes": outcomes, "message": message})


async def _note(node: Node, identity: Identity, task_id: str, outcome: Outcome) -> None:
    """What an admin stops of somebody else is in the audit."""
    if identity.role == "admin":
        await node.desk.audit.note(identity.user_id, "task.stop", task_id, "done" if outcome == "stopped" else outcome)


async def _may_stop(node: Node, identity: Identity, task: TaskRecord) -> bool:
    """Whoever may write to the chat that a task works on, besides the task's own user, admins and services."""
    if identity.may_serve or task.user_id == identity.user_id:
        return True
    return await node.access.chat_to_write(identity, task.item) is not None


async def _item(node: Node, identity: Identity, chat_id: str) -> str | None:
    """What the chat's tasks belong to, if the asking user may write to the chat."""
    if not is_page_only(chat_id) and await node.access.chat_to_write(identity, chat_id) is None:
        return None
    return item_of(identity.user_id, chat_id)


def _no_chat(chat_id: str) -> ApiError:
    return ApiError(404, "not_found", f"there is no chat {chat_id[:100]} for you")
