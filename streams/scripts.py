"""The Lua scripts of `lua/*.lua`, loaded once."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files


@cache
def source(name: str) -> str:
    """Text of `lua/{name}.lua`."""
    return (files(__package__) / "lua" / f"{name}.lua").read_text("utf-8")


@cache
def digest(name: str) -> str:
    """SHA-1 by which EVALSHA names the script (Redis's own naming, not a security measure)."""
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest()
