"""What Socket.IO and Engine.IO log: kinds of packets, names of events. Contents are users' words, and tokens."""

from __future__ import annotations

import logging

_CONTENT = " data %s"
"""How Engine.IO's records of packets end."""


def packet_log(name: str, level: int) -> logging.Logger:
    """A log for one of the two libraries, below `roomlog`: its lines come once, and never with a packet's content.

    A logger of the application's: the libraries give their own a second handler.
    """
    made = logging.getLogger(f"roomlog.{name}")
    made.setLevel(level)
    made.addFilter(_without_content)
    return made


def _without_content(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple) and record.msg.endswith(_CONTENT):
        record.msg, record.args = record.msg.removesuffix(_CONTENT), record.args[:-1]
    return True
