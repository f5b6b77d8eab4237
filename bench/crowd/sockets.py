"""Sockets of clients that are to be slow."""

from __future__ import annotations

import socket
from typing import Any

SMALL_BUFFER = 16_384
"""Receive buffer of a client that is to be slow: a loopback socket takes megabytes before the server notices."""


def small_socket(_url: Any) -> socket.socket:
    """A socket that takes little before the other side notices; picows connects it."""
    made = socket.socket(socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    made.setblocking(False)
    return made
