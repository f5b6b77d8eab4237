"""The SQL of patches: the same operations that StoredMessage.patched does in Python, one expression per column.

A patch is a row `p` with `put` and `add` (jsonb, either may be null). An expression gets the column's old value as
SQL: the stored column in an UPDATE, the default in an INSERT.
"""

from __future__ import annotations

from collections.abc import Mapping

from archive.patches import MESSAGE_FIELDS, Kind

_LIST_DEFAULT = "'[]'::jsonb"

_DEFAULTS: Mapping[Kind, str] = {
    Kind.TEXT: "''",
    Kind.LIST: _LIST_DEFAULT,
    Kind.KEYED: _LIST_DEFAULT,
    Kind.OBJECT: "'{}'::jsonb",
    Kind.JSON: "NULL::jsonb",
    Kind.WORD: "NULL::text",
    Kind.FLAG: "false",
    Kind.SECONDS: "p.at",
}
_PUT: Mapping[Kind, str] = {
    Kind.TEXT: "p.put->>'{name}'",
    Kind.LIST: "p.put->'{name}'",
    Kind.KEYED: "p.put->'{name}'",
    Kind.OBJECT: "p.put->'{name}'",
    Kind.JSON: "nullif(p.put->'{name}', 'null')",
    Kind.WORD: "p.put->>'{name}'",
    Kind.FLAG: "(p.put->>'{name}')::boolean",
    Kind.SECONDS: "(p.put->>'{name}')::bigint",
}
# Old items stay where they are, replaced by a new one of the same id; the new ones with no old one go to the end.
_UPSERT = """(
    SELECT coalesce(jsonb_agg(coalesce(new.item, old.item) ORDER BY old.n, new.n), '[]')
    FROM jsonb_array_elements({old}) WITH ORDINALITY old(item, n)
    FULL JOIN jsonb_array_elements(p.add->'{name}') WITH ORDINALITY new(item, n) ON new.item->'id' = old.item->'id'
)"""
_ADD: Mapping[Kind, str] = {
    Kind.TEXT: "{old} || (p.add->>'{name}')",
    Kind.LIST: "{old} || (p.add->'{name}')",
    Kind.KEYED: _UPSERT,
    Kind.OBJECT: "{old} || (p.add->'{name}')",
}


def default(name: str) -> str:
    """The value of a column in a message that is new, as SQL."""
    return "'assistant'" if name == "role" else _DEFAULTS[MESSAGE_FIELDS[name]]


def patched(name: str, old: str) -> str:
    """The column's value after patch `p`, as SQL; an untouched column costs no read of a long stored value."""
    kind = MESSAGE_FIELDS[name]
    branches = [f"WHEN p.put ? '{name}' THEN {_PUT[kind].format(name=name)}"]
    if kind in _ADD:
        branches.append(f"WHEN p.add ? '{name}' THEN {_ADD[kind].format(name=name, old=old)}")
    return f"CASE {' '.join(branches)} ELSE {old} END"
