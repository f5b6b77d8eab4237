"""What can go wrong with the servers that come along, in one line."""

from pathlib import Path

TAIL_BYTES = 4096  # the end of a log that an error looks at
TAIL_LINES = 3


class EmbeddedError(Exception):
    """A server did not start, or is gone. `str(error)` is one line for people, with the end of the server's log."""


def log_tail(log: Path) -> str:
    """The last few lines of `log`, joined into one; "no log" if there is none. Raises nothing for a missing file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return "no log"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-TAIL_LINES:]) or "empty log"


def did_not_start(server: str, why: str, log: Path) -> EmbeddedError:
    """The error for a server that did not come up: what, why, the end of its log, and where the log is."""
    return EmbeddedError(f"{server} did not start ({why}): {log_tail(log)} (log: {log})")
