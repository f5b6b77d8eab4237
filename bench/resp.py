"""Redis' protocol, as much of it as the benchmark speaks."""

from __future__ import annotations

from typing import cast

import hiredis


def packed(*command: str | bytes) -> bytes:
    """A command as bytes."""
    data: bytes = hiredis.pack_command(cast(tuple[str], command))  # its types know only tuples of one
    return data
