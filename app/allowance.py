"""How often something may be done from one address. No I/O."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

SPAN_S = 60.0

ADDRESSES = 10_000
"""Addresses that are remembered: a megabyte. Above it the one that asked least lately is forgotten, and begins anew."""


class Allowance:
    """per_min: how often from one address within a minute, also all at once. now: seconds; they never go back."""

    def __init__(self, per_min: int, now: Callable[[], float] = time.monotonic) -> None:
        self._each_s = SPAN_S / per_min
        self._now = now
        self._whole_at: OrderedDict[str, float] = OrderedDict()
        """Address -> when it may ask for everything at once again."""

    def take(self, address: str) -> float:
        """Take one. Returns 0.0, or the seconds until there is one again: then none was taken."""
        now, place = self._now(), _place(address)
        whole_at = max(self._whole_at.pop(place, now), now)
        wait_s = round(whole_at + self._each_s - now - SPAN_S, 6)
        self._whole_at[place] = whole_at if wait_s > 0 else whole_at + self._each_s
        if len(self._whole_at) > ADDRESSES:
            self._whole_at.popitem(last=False)
        return max(wait_s, 0.0)


def _place(address: str) -> str:
    """What counts as one address: of IPv6 the first half, as one machine has all of the second."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    return f"{int(ip) >> 64:x}::/64" if isinstance(ip, IPv6Address) and ip.ipv4_mapped is None else address
