"""Tables whose rows entries put and remove: what an operation does to a row, in Python.

Channels, and whatever comes after them, fold into such tables. An operation names a row by its key and holds the
columns that it puts, or None: the row goes. The database does the same (archive/upserts.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar, cast

from archive.shapes import Json, JsonObject

R = TypeVar("R")


class Column(Enum):
    """How a column is typed; its default is that of the table's dataclass."""

    TEXT = "text"  # "" by default
    WORD = "word"  # text or null
    NUMBER = "number"  # a whole number below 2^63, 0 by default
    FLAG = "flag"  # false by default
    JSON = "json"  # any value; JSON's null is SQL's
    OBJECT = "object"  # an object or null; putting one adds its keys, putting null adds nothing


@dataclass(frozen=True, eq=False)
class Table(Generic[R]):
    """A table and how operations on its rows compose.

    row: dataclass of a row: the keys, then the columns with their defaults.
    merges: an operation puts some columns, the others stay. Otherwise it puts all of them, or removes the row.
    ends: a flag; a row that has it set never changes again. The operation that sets it puts all columns as they are.
    """

    name: str
    row: type[R]
    keys: tuple[str, ...]
    columns: Mapping[str, Column]
    merges: bool = True
    ends: str = ""

    def patched(self, old: R | None, key: Key, op: Op) -> R | None:
        """The row after this operation: the same that the database does."""
        if op is None:
            return None
        if old is not None and self.ends and getattr(old, self.ends):
            return old
        before: Any = old if old is not None else self.row(*key)
        return cast("R", replace(before, **(op if self._ends(op) else self._added(_columns(before, op), op))))

    def composed(self, ops: Iterable[Op]) -> Op:
        """One operation with the effect of all, in order. Associative."""
        whole: Op = None
        for op in ops:
            if whole is None or op is None or not self.merges:
                whole = op
            elif not self._ends(whole):
                whole = op if self._ends(op) else {**whole, **self._added(whole, op)}
        return whole

    def _ends(self, op: JsonObject) -> bool:
        return bool(self.ends and op.get(self.ends))

    def _added(self, old: JsonObject, op: JsonObject) -> JsonObject:
        """What an operation makes of the columns that it puts. old: those that were there."""
        return {name: _sum(old.get(name), v) if self.columns[name] is Column.OBJECT else v for name, v in op.items()}


def _columns(row: Any, op: JsonObject) -> JsonObject:
    return {name: getattr(row, name) for name in op}


def _sum(old: Json, new: Json) -> Json:
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else old if new is None else new


Key: TypeAlias = tuple[str, ...]
Op: TypeAlias = "JsonObject | None"
Rows: TypeAlias = "Mapping[Table[Any], Mapping[Key, Op]]"


def compose_rows(parts: Iterable[Rows]) -> Rows:
    """Operations with the effect of the given ones, one after the other. Linear in their total size."""
    groups: dict[Table[Any], dict[Key, list[Op]]] = {}
    for part in parts:
        for table, ops in part.items():
            found = groups.setdefault(table, {})
            for key, op in ops.items():
                found.setdefault(key, []).append(op)
    return {
        table: {key: run[0] if len(run) == 1 else table.composed(run) for key, run in found.items()}
        for table, found in groups.items()
    }


def patched_rows(table: Table[R], old: Mapping[Key, R], rows: Rows) -> dict[Key, R]:
    """The rows, by key, after the operations on them."""
    patched = dict(old)
    for key, op in rows.get(table, {}).items():
        row = table.patched(patched.get(key), key, op)
        if row is None:
            patched.pop(key, None)
        else:
            patched[key] = row
    return patched
