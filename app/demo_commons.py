"""What everybody in the demo shares: one channel and one note, made when the first guest signs in."""

from __future__ import annotations

import asyncio

from app.drafts import Actor
from app.memberships import Memberships, Plan
from app.note_writes import NoteWrites
from streams.append import Once
from streams.errors import KeyReused

HOST = Actor("demo", "Demo", "user")
"""Owns what is shared. Nobody signs in as it: a guest's id is longer (app/demo.py)."""

LOBBY = "Lobby"
NOTE_TITLE = "A note for everybody"


class Commons:
    """Both are made once, however many guests come at once, to whichever nodes. One that was deleted stays so."""

    def __init__(self, memberships: Memberships, note_writes: NoteWrites) -> None:
        self._memberships = memberships
        self._note_writes = note_writes

    async def welcome(self, user_id: str) -> None:
        """Let a guest into both. Raises the errors of `Appender.append` and of reading."""
        await asyncio.gather(self._into_lobby(user_id), self._into_note(user_id))

    async def _into_lobby(self, user_id: str) -> None:
        plan = Plan("channel", LOBBY, "Everybody who tries the demo")
        try:
            lobby, _appended = await self._memberships.create(HOST, plan, _once("lobby"))
        except KeyReused:
            return
        if lobby.member(user_id) is None:
            await self._memberships.add(lobby, HOST, [user_id])

    async def _into_note(self, user_id: str) -> None:
        try:
            note = (await self._note_writes.create(HOST.id, {"title": NOTE_TITLE}, _once("note"))).note
        except KeyReused:
            return
        if note is not None and note.permission(user_id) != "write":
            await self._note_writes.give(note, user_id, "write")


def _once(key: str) -> Once:
    return Once("demo", key, digest="made")
