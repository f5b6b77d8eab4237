"""The SQL of operations on rows: one statement per table, however many rooms and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import orjson
from psycopg import AsyncConnection, sql

from archive.tables import Column, Key, Op, Rows, Table, compose_rows

_PUT: Mapping[Column, str] = {
    Column.TEXT: "p.put->>'{name}'",
    Column.WORD: "p.put->>'{name}'",
    Column.NUMBER: "(p.put->>'{name}')::bigint",
    Column.FLAG: "(p.put->>'{name}')::boolean",
    Column.JSON: "nullif(p.put->'{name}', 'null')",
    Column.OBJECT: "nullif(p.put->'{name}', 'null')",
}
_NULLS: Mapping[Column, str] = {Column.WORD: "NULL::text", Column.JSON: "NULL::jsonb", Column.OBJECT: "NULL::jsonb"}


async def store(connection: AsyncConnection[Any], parts: Sequence[Rows]) -> None:
    """Apply the operations of rooms that a commit moved. Rooms have no row in common."""
    rows = compose_rows(parts)
    for table in sorted(rows, key=lambda table: table.name):
        await connection.execute(statement(table), [_json(table, rows[table])])


@cache
def statement(table: Table[Any]) -> bytes:
    """Removes, changes and inserts rows of the table. A patch is a row `p` of keys, `put` (jsonb) and `gone`.

    A key has one operation, so rows that go and rows that come are different ones.
    """
    same = " AND ".join(f"t.{key} = p.{key}" for key in table.keys)
    keys = ", ".join(table.keys)
    old = {name: f"t.{name}" for name in table.columns}
    sets = ", ".join(f"{name} = {_patched(table, name, old[name])}" for name in table.columns)
    values = ", ".join(_patched(table, name, _default(table, name)) for name in table.columns)
    open_rows = f" AND NOT t.{table.ends}" if table.ends else ""
    return f"""
        WITH p AS MATERIALIZED (
            SELECT * FROM json_to_recordset(%s::json) AS
                p({", ".join(f"{key} text" for key in table.keys)}, put jsonb, gone boolean)
        ), dropped AS (
            DELETE FROM {table.name} t USING p WHERE p.gone AND {same}
        ), changed AS (
            UPDATE {table.name} t SET {sets} FROM p WHERE NOT p.gone AND {same}{open_rows}
        )
        INSERT INTO {table.name} ({keys}, {", ".join(table.columns)})
        SELECT {", ".join(f"p.{key}" for key in table.keys)}, {values} FROM p
        WHERE NOT p.gone AND NOT EXISTS (SELECT FROM {table.name} t WHERE {same})
    """.encode()


def _default(table: Table[Any], name: str) -> str:
    """The default of the table's dataclass as SQL."""
    value = getattr(table.row(*[""] * len(table.keys)), name)
    return _NULLS[table.columns[name]] if value is None else sql.quote(value)


def _patched(table: Table[Any], name: str, old: str) -> str:
    kind = table.columns[name]
    put = _PUT[kind].format(name=name)
    if kind is Column.OBJECT:
        ends = f"coalesce((p.put->>'{table.ends}')::boolean, false)" if table.ends else "false"
        put = f"CASE WHEN {ends} THEN {put} ELSE coalesce({old} || {put}, {put}, {old}) END"
    return f"CASE WHEN p.put ? '{name}' THEN {put} ELSE {old} END"


def _json(table: Table[Any], ops: Mapping[Key, Op]) -> str:
    rows = [{**dict(zip(table.keys, key, strict=True)), "put": op or {}, "gone": op is None} for key, op in ops.items()]
    return orjson.dumps(rows).decode()
