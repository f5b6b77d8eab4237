"""Log lines, for people or for programs, of every library in the process. None has a token, payload or secret in it.

What may quote a payload is told without it: the message of an exception that is not ours (a KeyError's is the key, a
database's is the row), and what follows the `?` of an address.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

Format = Literal["console", "json"]

FIELDS = ("room", "session", "user", "position", "event", "task", "node", "worker", "action", "target", "outcome")
"""What a line says apart from its message, when it is given as `extra`, or as an argument by this name."""

AUDIT = "roomlog.audit"
"""Who did what is told whatever the level."""

OURS = frozenset(
    {"app", "archive", "cli", "embedded", "migrations", "oversight", "registry", "streams", "telemetry", "workers"}
)


def configure(form: Format, level: str) -> None:
    """Make all logs of this process one: ours from `level` on, libraries' from WARNING, uvicorn's from INFO."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else Console())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    logging.getLogger(AUDIT).setLevel(logging.INFO)
    logging.getLogger("roomlog").setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        taken = logging.getLogger(name)
        if taken.handlers:  # it has none when access logs are off
            taken.handlers, taken.propagate = [], True
        taken.setLevel(max(taken.getEffectiveLevel(), logging.INFO))  # DEBUG shows frames, TRACE headers
    _once(logging.getLogger("uvicorn.error"), without_queries)
    _once(logging.getLogger("uvicorn.access"), without_queries)
    _once(logging.getLogger("asyncio"), first_line)


def identify(**process: str) -> None:
    """Say in every further line for programs which process it is of: node=…, worker=…."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, JsonLines):
            handler.formatter.process |= process


def _once(logger: logging.Logger, wanted: Callable[[logging.LogRecord], bool]) -> None:
    if wanted not in logger.filters:
        logger.addFilter(wanted)


def without_queries(record: logging.LogRecord) -> bool:
    """Cut the query off every address among the arguments: tokens and sessions' ids are in it."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
    return True


def first_line(record: logging.LogRecord) -> bool:
    """asyncio shows its objects below the first line, with the exceptions that they ended with."""
    record.msg, record.args = record.getMessage().partition("\n")[0], ()
    return True


PLAIN = frozenset(
    {
        "redis.exceptions.ConnectionError",
        "redis.exceptions.TimeoutError",
        "redis.exceptions.AuthenticationError",
        "psycopg.OperationalError",
    }
)
"""Exceptions of libraries that speak of links alone."""

PLAIN_SQL = ("08", "28", "3D", "42", "53", "57")
"""Classes of PostgreSQL's errors that speak of links, rights, names and means, never of values."""


class Told(str):
    """What is told of an exception; its repr, too."""

    __slots__ = ()

    __repr__ = str.__str__


def told(fault: BaseException) -> Told:
    """An exception in a line: its type, and its message's first line if that is ours, or the system's."""
    kind, name = type(fault), type(fault).__name__
    ours = kind.__module__.partition(".")[0] in OURS and not getattr(fault, "quotes_data", False)
    plain = isinstance(fault, OSError | BaseExceptionGroup) or f"{kind.__module__}.{kind.__qualname__}" in PLAIN
    plain = plain or str(getattr(fault, "sqlstate", "")).startswith(PLAIN_SQL)
    message = str(fault).strip().partition("\n")[0] if ours or plain else ""
    return Told(f"{name}: {message}" if message else name)


def place(fault: BaseException) -> str:
    """Where an exception was raised: `archive.events:88`."""
    steps = list(traceback.walk_tb(fault.__traceback__))
    return f"{steps[-1][0].f_globals.get('__name__')}:{steps[-1][1]}" if steps else "nowhere"


def trace(fault: BaseException, seen: frozenset[int] = frozenset()) -> Iterator[str]:
    """The lines of a traceback, of its causes and of a group's parts, without messages that may quote a payload."""
    seen |= {id(fault)}
    before = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)
    if before is not None and id(before) not in seen:
        yield from trace(before, seen)
        yield "and then:"
    for lines in traceback.format_tb(fault.__traceback__):
        yield from lines.rstrip().split("\n")
    yield told(fault)
    if isinstance(fault, BaseExceptionGroup):
        for part in fault.exceptions:
            yield from (f"  | {line}" for line in trace(part, seen))


class Guarded(logging.Formatter):
    """Formats messages and tracebacks without what may quote a payload."""

    def message(self, record: logging.LogRecord) -> str:
        args = record.args
        if not args:
            return record.getMessage()
        if isinstance(args, Mapping):
            return str(record.msg) % {name: _safe(arg) for name, arg in args.items()}
        return str(record.msg) % tuple(map(_safe, args))

    def stack(self, record: logging.LogRecord) -> str:
        """The traceback, or ""."""
        fault = record.exc_info[1] if record.exc_info else None
        return "\n".join(trace(fault)) if fault is not None else ""


def _safe(arg: Any) -> Any:
    return told(arg) if isinstance(arg, BaseException) else arg


class Console(Guarded):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {self.message(record)}"
        stack = self.stack(record)
        return f"{line}\n{stack}" if stack else line


class JsonLines(Guarded):
    """One object a line: time (UTC), level, logger, message, what there is of FIELDS, of the process, of an error."""

    def __init__(self) -> None:
        super().__init__()
        self.process: dict[str, str] = {}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
            **self.process,
        }
        given = record.args if isinstance(record.args, Mapping) else {}
        for field in FIELDS:
            value = given.get(field, getattr(record, field, None))
            if value is not None:
                line[field] = str(value)
        fault = record.exc_info[1] if record.exc_info else None
        if fault is not None:
            line |= {"error": told(fault), "stack": self.stack(record)}
        return orjson.dumps(line, default=str).decode()
