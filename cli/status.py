"""`roomlog status`: the overview that admins get, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import __version__
from app.settings import Settings, load_settings
from cli.errors import CommandError
from cli.place import at_place
from cli.screen import cell, console, lasting, print_json, size, table
from embedded import is_running
from oversight.advice import Advice
from oversight.overview import Overseer, Overview
from oversight.state import Postgres, Redis
from registry.nodes import NodeReport
from registry.workers import WorkerReport

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}


def status(as_json: bool) -> int:
    """Returns the exit code: 1 when a server is away, or has no tables. Raises SettingsError, CommandError."""
    settings = load_settings()
    _require_running(settings)
    seen = at_place(
        lambda at: Overseer(at.link, at.client, at.archive, settings.worker_lag_s, __version__).look(), settings
    )
    if as_json:
        print_json(seen)
    else:
        _show(seen)
    return 0 if seen.redis.ok and seen.postgres.ok and seen.postgres.migration else 1


def _require_running(settings: Settings) -> None:
    """Whoever asks how things are starts none: there would be nothing to see. Raises CommandError."""
    named = {"REDIS_URL": settings.log_url, "DATABASE_URL": settings.archive_url}
    missing = " or ".join(name for name, url in named.items() if not url)
    folder = settings.roomlog_data_dir
    if missing and not is_running(folder):
        raise CommandError(f"nothing runs in {folder}, and no {missing} is set: roomlog dev starts everything")


def _show(seen: Overview) -> None:
    out, totals = console(), seen.totals
    known = [("connections", totals.connections), ("users", totals.users), ("rooms", totals.rooms)]
    known += [("tasks", totals.tasks), ("waiting jobs", totals.waiting_jobs)]
    known += [("dead letters", totals.dead_letters)]
    out.print(cell(", ".join(f"{count} {name}" for name, count in known if count is not None) or "no totals"))
    out.print(cell(f"position {seen.position}") if seen.position else "")
    servers = table("server", "", "what it says", broken=("what it says",))
    servers.add_row(cell("log"), _mark(seen.redis.ok), cell(_redis(seen.redis)))
    servers.add_row(cell("tables"), _mark(seen.postgres.ok), cell(_postgres(seen.postgres)))
    out.print(servers)
    if seen.nodes:
        out.print()
        out.print(_nodes(seen.nodes))
    if seen.workers:
        out.print()
        out.print(_workers(seen.workers))
    out.print()
    for advice in seen.advice:
        _advise(advice)
    if not seen.advice:
        out.print(cell("all is well", "green"))


def _mark(ok: bool) -> Text:
    return cell("ok", STYLES["ok"]) if ok else cell("away", STYLES["bad"])


def _redis(redis: Redis) -> str:
    if not redis.ok:
        return redis.error or "it does not answer"
    room = f"of {size(redis.max_bytes)}" if redis.max_bytes else "without a limit"
    kept = {True: "append-only file", False: "no append-only file", None: None}[redis.aof]
    said = [f"{redis.kind} {redis.version} {redis.role}", f"{size(redis.used_bytes)} {room}", redis.policy, kept]
    said += [f"{redis.clients} clients", f"{redis.ops_s} commands/s", f"ping {redis.ping_ms} ms"]
    return ", ".join(part for part in said if part)


def _postgres(postgres: Postgres) -> str:
    if not postgres.ok:
        return postgres.error or "it does not answer"
    said = [f"PostgreSQL {(postgres.version or '').partition(' ')[0]}", f"{size(postgres.bytes)}"]
    said += [f"{postgres.connections} of {postgres.max_connections} connections"]
    said += [f"tables {postgres.migration}" if postgres.migration else "no tables", f"ping {postgres.ping_ms} ms"]
    return ", ".join(said)


def _nodes(nodes: tuple[NodeReport, ...]) -> Table:
    head = ("node", "", "version", "sockets", "rooms", "behind", "slow", "unsent", "memory")
    made = table(*head, numbers=head[3:])
    for node in nodes:
        state = "draining" if node.alive and node.draining else "up" if node.alive else "silent"
        style = {"up": STYLES["ok"], "draining": STYLES["warn"], "silent": STYLES["bad"]}[state]
        counts = (node.version, node.connections, node.rooms, _ms(node.behind_ms), node.slow_clients)
        sizes = (size(node.send_backlog_bytes), size(node.rss_bytes))
        made.add_row(cell(node.name), cell(state, style), *map(cell, (*counts, *sizes)))
    return made


def _workers(workers: tuple[WorkerReport, ...]) -> Table:
    head = ("worker", "", "version", "folded", "a second", "lag", "rooms", "parked", "sql")
    made = table(*head, numbers=head[3:])
    for worker in workers:
        state = ("up", STYLES["ok"]) if worker.alive else ("silent", STYLES["bad"])
        counts = (worker.version, worker.folded_entries, worker.folded_s, lasting(worker.lag_s), worker.jobs_held)
        sql = {True: "ok", False: "away", None: None}[worker.sql_ok]
        made.add_row(cell(worker.name), cell(*state), *map(cell, (*counts, worker.parked, sql)))
    return made


def _ms(ms: int | None) -> str | None:
    return None if ms is None else f"{ms} ms"


def _advise(advice: Advice) -> None:
    out = console()
    out.print(cell(f"{advice.level:4} {advice.about}: {advice.what}", STYLES[advice.level]))
    out.print(cell(f"     {advice.cure}"))
