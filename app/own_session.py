"""Whose session a caller names: nobody acts through another user's."""

from __future__ import annotations

from registry.pool import Pool, Pooled


class NotYourSession(Exception):
    """The session belongs to another user. The text may be shown to users."""


async def check_own_session(pool: Pool, user_id: str, sid: str | None) -> Pooled | None:
    """The session, if it is connected. Raises NotYourSession for another user's, LogUnavailable when nobody can tell.

    None, and a session that is not connected now, pass, with None: a page that lost its link a moment ago names the
    one that it had. Whoever asks something of the session looks again (`Calls.call`).
    """
    session = await pool.find(sid) if sid else None
    if session is not None and session.user_id != user_id:
        raise NotYourSession("session_id: this session is not yours")
    return session
