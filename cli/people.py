"""`roomlog sessions` and `roomlog revoke`: who is connected, and who may not be any more."""

from __future__ import annotations

import typer

from cli.audited import noted
from cli.errors import CommandError
from cli.orders import orders_at
from cli.place import LogPlace, at_log, at_place
from cli.screen import cell, clock, console, print_json, table
from oversight.people import People, Revoked, UserSessions
from registry.pool import Pool
from registry.revocation import Revocations


def list_sessions(user_id: str, as_json: bool) -> None:
    """Print a user's sessions on all nodes. Raises SettingsError, CommandError."""
    found = at_place(lambda at: People(at.link.keys, at.client, at.archive).sessions(user_id))
    if as_json:
        print_json(found)
    else:
        _show(found)


def disconnect(sid: str, as_json: bool) -> None:
    """Close a session's link: its client comes back and resumes. Raises SettingsError, CommandError."""
    at_log(lambda at: _disconnect(at, sid))
    if as_json:
        print_json({})
    else:
        typer.echo(f"{sid} is cut off; its client comes back and resumes")


def revoke_user(user_id: str, as_json: bool) -> None:
    """Refuse all tokens that a user has up to now, and end the user's sessions. Raises as above."""
    revoked = at_log(lambda at: _revoke_user(at, user_id))
    if as_json:
        print_json(revoked)
        return
    until = clock(revoked.revoked_at_s * 1000)
    typer.echo(f"tokens of {user_id} that were issued up to {until} are refused; no session of theirs is left")


def revoke_token(jti: str, ttl_s: int | None, as_json: bool) -> None:
    """Refuse one token, and end its sessions. ttl_s: the rest of its life; None: it is remembered for ever."""
    at_log(lambda at: _revoke_token(at, jti, ttl_s))
    if as_json:
        print_json({})
    else:
        typer.echo(f"the token {jti} is refused; no session of it is left")


async def _disconnect(at: LogPlace, sid: str) -> None:
    async with noted(at, "session.disconnect", sid):
        if await Pool(at.link.keys, at.client, 0).find(sid) is None:  # it only reads here
            raise CommandError(f"no session {sid} is connected")
        await orders_at(at).cut_off_session(sid)


async def _revoke_user(at: LogPlace, user_id: str) -> Revoked:
    async with noted(at, "user.revoke", user_id):
        revoked = Revoked(await Revocations(at.link.keys, at.client).revoke_user(user_id))
        await orders_at(at).disconnect_user(user_id)
    return revoked


async def _revoke_token(at: LogPlace, jti: str, ttl_s: int | None) -> None:
    async with noted(at, "token.revoke", jti):
        await Revocations(at.link.keys, at.client).revoke_token(jti, ttl_s)
        await orders_at(at).disconnect_token(jti)


def _show(found: UserSessions) -> None:
    out = console()
    role = f"role {found.role}" if found.role else "no role known"
    revoked = found.revoked_at_s
    refused = "" if revoked is None else f"; tokens issued up to {clock(int(revoked * 1000))} are refused"
    out.print(cell(f"{found.user_id}: {role}{refused}"))
    if not found.sessions:
        out.print(cell("no session is connected"))
        return
    made = table("session", "", "node", "since")
    for session in found.sessions:
        state = ("connected", "green") if session.connected else ("lost", "yellow")
        made.add_row(cell(session.sid), cell(*state), cell(session.node), cell(clock(session.since_ms)))
    out.print(made)
