"""Names as labels spell them."""

from __future__ import annotations

import re


def snake(name: str) -> str:
    """`RoomFull` as `room_full`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
