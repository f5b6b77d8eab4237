"""What is told of exceptions and addresses."""

from __future__ import annotations

import logging

import orjson
import psycopg
import pytest

from streams.errors import LogUnavailable, RoomFull
from telemetry.logs import Console, JsonLines, first_line, told, trace, without_queries
from workers.sandbox import Refused


def record(message: str, *args: object, fault: BaseException | None = None, **extra: str) -> logging.LogRecord:
    made = logging.LogRecord(
        "roomlog", logging.WARNING, "f.py", 1, message, args, (type(fault), fault, None) if fault else None
    )
    if len(args) == 1 and isinstance(args[0], dict):
        made.args = args[0]
    made.__dict__ |= extra
    return made


def test_messages_of_our_own_exceptions_and_of_the_system_are_told_others_are_not() -> None:
    assert told(LogUnavailable("the log is away")) == "LogUnavailable: the log is away"
    assert told(ConnectionRefusedError(111, "Connection refused")).startswith("ConnectionRefusedError: [Errno 111]")
    assert told(KeyError("a secret")) == "KeyError"
    assert told(ValueError("a secret")) == "ValueError"
    assert told(psycopg.errors.InsufficientPrivilege("permission denied\nDETAIL: more")) == (
        "InsufficientPrivilege: permission denied"
    )
    assert told(psycopg.errors.CheckViolation("a secret")) == "CheckViolation"
    assert told(Refused("value a secret is bad")) == "Refused"


@pytest.mark.parametrize("message", ["it failed: %s", "it failed: %r"])
def test_exceptions_among_the_arguments_are_told_like_that(message: str) -> None:
    assert Console().message(record(message, ValueError("a secret"))) == "it failed: ValueError"
    assert Console().message(record(message.replace("%", "%(fault)"), {"fault": ValueError("a secret")})) == (
        "it failed: ValueError"
    )


def _chained() -> BaseException:
    try:
        try:
            raise KeyError("a secret")
        except KeyError as fault:
            raise LogUnavailable("away") from fault
    except LogUnavailable as fault:
        return ExceptionGroup("two", [fault, ValueError("a secret")])


def test_a_traceback_has_its_causes_and_the_parts_of_a_group() -> None:
    text = "\n".join(trace(_chained()))
    assert "a secret" not in text.replace('raise KeyError("a secret")', "")
    for part in ("ExceptionGroup: two", "  | KeyError", "  | LogUnavailable: away", "  | ValueError", "and then:"):
        assert part in text
    assert "in _chained" in text


def test_a_line_for_programs_has_the_fields_that_it_was_given() -> None:
    form = JsonLines()
    form.process["node"] = "n1"
    line = orjson.loads(form.format(record("%(room)s is full", {"room": "user:u", "other": 1}, position="1-0")))
    assert line["message"] == "user:u is full"
    assert (line["room"], line["position"], line["node"], line["level"]) == ("user:u", "1-0", "n1", "warning")
    assert "other" not in line
    assert line["time"].endswith("+00:00")


def test_a_line_for_programs_has_its_error_apart() -> None:
    line = orjson.loads(JsonLines().format(record("no", fault=RoomFull("user:u", 5))))
    assert line["error"].startswith("RoomFull: ")
    assert "\n" not in JsonLines().format(record("a\nb"))


@pytest.fixture
def access() -> logging.LogRecord:
    return record('%s - "%s %s HTTP/%s" %d', "1.2.3.4:5", "GET", "/a?token=a+secret", "1.1", 200)


def test_queries_are_cut_off(access: logging.LogRecord) -> None:
    assert without_queries(access)
    assert access.getMessage() == '1.2.3.4:5 - "GET /a HTTP/1.1" 200'


def test_asyncio_does_not_show_its_objects() -> None:
    shown = record("Task exception was never retrieved\nfuture: <Task exception=ValueError('a secret')>")
    assert first_line(shown)
    assert shown.getMessage() == "Task exception was never retrieved"
