"""`roomlog check`: the settings, and every server that they name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.settings import Settings, SettingsError, load_settings
from cli.checks import machine
from cli.checks.finding import Finding
from cli.checks.log_server import log_findings, memory_findings
from cli.checks.tables import table_findings
from cli.screen import cell, console, print_json, progress
from embedded import EmbeddedError, is_running, lease
from streams.keys import Keys
from streams.link import Link
from streams.rights import Program

STYLES = {"ok": "green", "warn": "yellow", "bad": "bold red"}


def check(program: Program, as_json: bool) -> int:
    """Returns the exit code: 0 nothing is wrong, 1 something is, 2 a setting is bad."""
    try:
        settings = load_settings()
    except SettingsError as fault:
        _show([Finding("bad", "settings", str(fault), "Mend it; docs/settings.md lists all.")], as_json)
        return 2
    with progress("asking every server …"):
        found = asyncio.run(_look(settings, program))
    _show(found, as_json)
    return 1 if any(finding.level == "bad" for finding in found) else 0


async def _look(settings: Settings, program: Program) -> list[Finding]:
    found = [Finding("ok", "settings", "valid")]
    try:
        async with _servers(settings, found) as (redis_url, database_url):
            if redis_url:
                link = Link(redis_url, Keys(settings.redis_key_prefix), settings.sentinels)
                try:
                    found += await log_findings(link, program)
                    found += await memory_findings(link) if settings.log_url else []
                finally:
                    await link.aclose()
            if database_url:
                found += await table_findings(database_url)
    except EmbeddedError as fault:
        found.append(Finding("bad", "embedded servers", str(fault), f"Look into {settings.roomlog_data_dir}/log."))
    if program == "node":
        found += [machine.secret(settings), await machine.port(settings), machine.pages()]
        found.append(await machine.provider(settings))
    return found


@asynccontextmanager
async def _servers(settings: Settings, found: list[Finding]) -> AsyncIterator[tuple[str | None, str | None]]:
    """The servers' URLs; None for one that would be started, which is not done here."""
    redis_url, database_url, folder = settings.log_url, settings.archive_url, settings.roomlog_data_dir
    if redis_url and database_url:
        yield redis_url, database_url
        return
    found.append(machine.data_folder(folder))
    missing = [
        f"{name} ({setting})"
        for name, setting, url in (("Valkey", "REDIS_URL", redis_url), ("PostgreSQL", "DATABASE_URL", database_url))
        if not url
    ]
    which = f"no server is named for {' and '.join(missing)}"
    if not is_running(folder):
        found.append(Finding("ok", "embedded servers", f"{which}: embedded ones would be started in {folder}"))
        yield redis_url, database_url
        return
    found.append(Finding("ok", "embedded servers", f"{which}: embedded ones run in {folder}"))
    async with lease(folder, redis=not redis_url, postgres=not database_url) as servers:
        yield redis_url or servers.redis_url, database_url or servers.database_url


def _show(found: list[Finding], as_json: bool) -> None:
    if as_json:
        print_json({"ok": all(finding.level != "bad" for finding in found), "findings": found})
        return
    out = console()
    for finding in found:
        out.print(cell(f"{finding.level:4} {finding.about}: {finding.what}", STYLES[finding.level]))
        if finding.cure:
            out.print(cell(f"     {finding.cure}"))
