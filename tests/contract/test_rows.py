"""The table of the contract's rows (rows.py) is whole, and everything that it names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from app.emitter import EPHEMERAL_TYPES, wants_answer
from tests.contract import rows, test_emitter_types
from tests.contract.rows import (
    CALLED,
    CHANNEL,
    CLIENT,
    DURABLE,
    EPHEMERAL,
    OPERATORS,
    PRODUCER,
    ROUTE,
    ROWS,
    SERVER,
    TYPE,
    Row,
)
from tests.integration import test_calls
from tests.support.nodes import ROOT

CONTRACT = ROOT / "docs" / "contract.md"
COUNTS = {CLIENT: 18, SERVER: 11, TYPE: 35, CHANNEL: 9, PRODUCER: 13, ROUTE: 31, OPERATORS: 15}
"""Rows that the document has, by section: a parser that overlooks one is noticed."""


def test_every_row_has_a_test_or_is_for_a_later_issue_and_never_both() -> None:
    assert rows.not_shown() == []
    assert [row for row in ROWS if row.tests and row.later] == []


def test_no_row_is_there_twice() -> None:
    names = [(row.section, row.name) for row in ROWS]
    assert sorted(names) == sorted(set(names))


def test_no_row_is_for_later() -> None:
    assert [row for row in ROWS if row.later] == []


def test_a_row_without_a_test_is_listed_and_fails_the_script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rows.main() == 0
    monkeypatch.setattr(rows.not_shown, "__defaults__", ((Row(CLIENT, "nobody-tests-this"),),))
    assert rows.main() == 1
    assert f"no test: {CLIENT} nobody-tests-this" in capsys.readouterr().out


@cache
def _named_in(path: Path) -> frozenset[str]:
    """The names of a file's test functions that pytest would collect."""
    tree = ast.parse(path.read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize("test", sorted({test for row in ROWS for test in row.tests}))
def test_a_named_test_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert (ROOT / path).is_file()
    assert name in _named_in(ROOT / path)


def test_the_table_driven_tests_have_every_type_that_is_said_to_be_in_them() -> None:
    tables = {
        DURABLE: {told.kind for told in test_emitter_types.DURABLE},
        EPHEMERAL: {*test_emitter_types.SIGNALLED, *test_emitter_types.CALLED},
        CALLED: test_calls.CALLS.keys(),
    }
    types = [row for row in rows.TYPES if row.name != "Many emits at once"]
    for test, kinds in tables.items():
        assert {row.name for row in types if test in row.tests} <= kinds, test
    called = {row.name for row in types if CALLED in row.tests}
    assert called == {row.name for row in types if wants_answer(row.name)}
    assert {row.name for row in types if EPHEMERAL in row.tests} == EPHEMERAL_TYPES | called
    assert not {row.name for row in types if DURABLE in row.tests} & (EPHEMERAL_TYPES | called)


@pytest.mark.parametrize("section", COUNTS)
def test_the_rows_are_those_of_the_document(section: str) -> None:
    found = list(_PARSERS[section](_sections(CONTRACT.read_text())))
    assert len(found) == COUNTS[section], found
    assert sorted(found) == sorted(row.name for row in ROWS if row.section == section)


def _sections(text: str) -> dict[str, str]:
    """The document's sections by the first word of their heading, without the number's dot."""
    parts = re.split(r"^##+ (.*)$", text, flags=re.MULTILINE)
    return {heading.split()[0].strip(".`"): body for heading, body in zip(parts[1::2], parts[2::2], strict=True)} | {
        "types": next(
            body for heading, body in zip(parts[1::2], parts[2::2], strict=True) if "`events` types" in heading
        ),
    }


def _cells(body: str) -> Iterator[list[str]]:
    """The cells of a table's rows, without its head. A pipe that is escaped is part of its cell."""
    lines = [line for line in body.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _spans(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def _alternatives(name: str) -> list[str]:
    """`a:b|c` is `a:b` and `a:c`."""
    head, *others = name.split("|")
    stem = re.sub(r"[^:/]*$", "", head)
    return [head, *(stem + other for other in others)]


def _client(sections: dict[str, str]) -> Iterator[str]:
    for event, payload, *_ in _cells(sections["4"]):
        (name,) = _spans(event)
        kinds = re.findall(r"'(\w+)'", "".join(re.findall(r"type:((?: ?\|? ?'\w+')+)", payload)))
        yield from (f"{name} {kind}" for kind in kinds) if kinds else [name]
    yield from re.findall(r"^(Malformed payload):", sections["4"], re.MULTILINE)


def _server(sections: dict[str, str]) -> Iterator[str]:
    for event, *_ in _cells(sections["5"]):
        yield from _spans(event)


def _types(sections: dict[str, str]) -> Iterator[str]:
    for kinds, *_ in _cells(sections["types"]):
        yield from _spans(kinds)
    yield from re.findall(r"^(Many emits at once) ", sections["types"], re.MULTILINE)


def _channel_types(sections: dict[str, str]) -> Iterator[str]:
    for span in _spans(re.sub(r"\(.*?\)", "", sections["events:channel"])):
        yield from _alternatives(span)


def _functions(sections: dict[str, str]) -> Iterator[str]:
    for span in _spans(sections["6"]):
        yield from re.findall(r"(\w+)\(", span) or re.findall(r"^[a-z]+_[a-z_]+$", span)


def _routes(sections: dict[str, str]) -> Iterator[str]:
    yield from re.findall(r"served at `(/[^`]+)`", sections["7"])
    for routes, *_ in _cells(sections["7"]):
        for span in _spans(routes):
            yield from _alternatives(span)


def _operators(sections: dict[str, str]) -> Iterator[str]:
    for route, *_ in _cells(sections["9"]):
        yield from _spans(route)


_PARSERS = {
    CLIENT: _client,
    SERVER: _server,
    TYPE: _types,
    CHANNEL: _channel_types,
    PRODUCER: _functions,
    ROUTE: _routes,
    OPERATORS: _operators,
}
