"""Checks of what a payload holds. Each returns the value with its type, or raises BadShape in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | tuple[Json, ...] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"
Check: TypeAlias = Callable[[Json, str], Json]

MAX_ID_CHARS = 255  # two ids of 4-byte characters still fit one b-tree key (2,704 bytes)
MAX_NUMBER = 2**63 - 1
MAX_SECONDS = 2**53  # what every JSON reader can hold exactly


class BadShape(ValueError):
    """A field is not what its event's type promises."""


_KINDS = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list"}


def _bad(value: Json, name: str, expected: str) -> BadShape:
    return BadShape(f"{name} is {_KINDS.get(type(value), 'an object')}, expected {expected}")


def text(value: Json, name: str) -> str:
    if not isinstance(value, str):
        raise _bad(value, name, "text")
    return value


def nullable_text(value: Json, name: str) -> str | None:
    return None if value is None else text(value, name)


def boolean(value: Json, name: str) -> bool:
    if not isinstance(value, bool):
        raise _bad(value, name, "a boolean")
    return value


def array(value: Json, name: str) -> tuple[Json, ...]:
    if not isinstance(value, list):
        raise _bad(value, name, "a list")
    return tuple(value)


def texts(value: Json, name: str) -> tuple[Json, ...]:
    items = array(value, name)
    for item in items:
        text(item, f"an item of {name}")
    return items


def fields(value: Json, name: str) -> JsonObject:
    if not isinstance(value, dict):
        raise _bad(value, name, "an object")
    return value


def anything(value: Json, name: str) -> Json:
    return value


def seconds(value: Json, name: str) -> int:
    """Unix seconds as a whole number; a fraction is dropped."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(value, name, "Unix seconds")
    if not 0 <= value < MAX_SECONDS:
        raise BadShape(f"{name} is out of range, expected Unix seconds")
    return int(value)


def number(value: Json, name: str) -> int:
    """A whole number that a bigint holds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_NUMBER:
        raise BadShape(f"{name}: expected a whole number from 0 to 2^63 - 1")
    return value


def identifier(value: Json, name: str) -> str:
    """A non-empty text of at most MAX_ID_CHARS characters."""
    found = text(value, name)
    if not 0 < len(found) <= MAX_ID_CHARS:
        raise BadShape(f"{name} has {len(found)} characters, expected 1 to {MAX_ID_CHARS}")
    return found


def optional_id(payload: Mapping[str, Json], name: str) -> str | None:
    """The id under `name`; None when it is missing, null or empty."""
    value = payload.get(name)
    return None if value is None or value == "" else identifier(value, name)
