"""`roomlog tasks`: what runs on all nodes, and stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.settings import Settings, load_settings
from app.tasks import Outcome, Tasks
from cli.audited import who
from cli.orders import obeys_none, orders_at
from cli.place import LogPlace, at_log
from cli.screen import cell, clock, console, print_json, table
from oversight.audit import Audit
from oversight.running import RunningTask, running_tasks
from registry.tasks import HOLD
from registry.tasks import Tasks as Records

if TYPE_CHECKING:
    from rich.table import Table

MEANING: dict[Outcome, str] = {
    "stopped": "is stopped",
    "over": "is over already, or never was",
    "unreachable": "could not be stopped yet: its owner does not answer, and stops it when it is back",
}


def list_tasks(after: str, limit: int, as_json: bool) -> None:
    """Print a page of the running tasks. Raises SettingsError, CommandError."""
    settings = load_settings()
    page = at_log(lambda at: running_tasks(_records(at, settings), after, limit), settings)
    if as_json:
        print_json(page)
        return
    if page.tasks:
        console().print(_table(page.tasks))
    more = f"; --after {page.cursor} shows more" if page.cursor else ""
    console().print(cell(f"{len(page.tasks)} tasks run{more}"))


def stop(task_id: str, as_json: bool) -> int:
    """Stop a task, on whichever node it runs. Returns the exit code: 1 when it did not end because of this."""
    settings = load_settings()
    outcome = at_log(lambda at: _stop(at, settings, task_id), settings)
    message = f"task {task_id} {MEANING[outcome]}"
    if as_json:
        print_json({"status": outcome == "stopped", "outcome": outcome, "message": message})
    else:
        console().print(cell(message))
    return 0 if outcome == "stopped" else 1


async def _stop(at: LogPlace, settings: Settings, task_id: str) -> Outcome:
    orders, hold_s = orders_at(at), settings.task_lease_s * HOLD
    tasks = Tasks(
        "cli", _records(at, settings), hold_s, settings.task_stop_wait_s, orders.stop_task, obeys_none, obeys_none
    )
    outcome = await tasks.stop_task(task_id)
    done = "done" if outcome == "stopped" else outcome
    await Audit(at.link.keys, at.client).note(who(), "task.stop", task_id, done)
    return outcome


def _records(at: LogPlace, settings: Settings) -> Records:
    return Records(at.link.keys, at.client, settings.task_lease_s * HOLD)


def _table(tasks: tuple[RunningTask, ...]) -> Table:
    made = table("task", "of", "user", "node", "since", broken=("task", "of"))
    for task in tasks:
        made.add_row(*map(cell, (task.task_id, task.item_id, task.user_id, task.node, clock(task.since_ms))))
    return made
