"""Words of a command as Redis' protocol has them: those that are said again and again are made once. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

Word: TypeAlias = str | bytes | int


def word(said: Word) -> bytes:
    """One word, packed."""
    raw = said if isinstance(said, bytes) else str(said).encode()
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


kept_word = lru_cache(maxsize=4096)(word)
"""The same, remembered: for short words that most batches have, such as names of events and rooms."""


def command(words: Iterable[Word], packed: list[bytes]) -> bytes:
    """A command of these words, and behind them of others that are packed already."""
    first = [word(said) for said in words]
    return b"".join((b"*%d\r\n" % (len(first) + len(packed)), *first, *packed))
