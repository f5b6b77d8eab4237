"""Who somebody is in the demo: a name is enough, and gives no more than what is the demo's."""

from __future__ import annotations

import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import Any

PREFIX = "demo-"
"""Of all users of the demo: who signs in by a name is nobody that has tokens of another kind."""

TTL_S = 86_400
NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Guest:
    """A user of the demo. The same name is the same user, on every node."""

    id: str
    name: str


def guest(name: str) -> Guest | None:
    """The user of a name; None for what is no name. Spelling that cannot be seen makes no difference."""
    shown = " ".join(unicodedata.normalize("NFKC", name).split())
    if not shown or not shown.isprintable() or len(shown) > NAME_LENGTH:
        return None
    return Guest(PREFIX + shown.lower().replace(" ", "-").replace("/", "-"), shown)  # an id is a part of an address


def guest_claims(who: Guest) -> dict[str, Any]:
    """What a token of the demo says: an ordinary user, for a day."""
    now = int(time.time())
    return {
        "id": who.id,
        "name": who.name,
        "role": "user",
        "iat": now,
        "exp": now + TTL_S,
        "jti": secrets.token_hex(16),
    }
