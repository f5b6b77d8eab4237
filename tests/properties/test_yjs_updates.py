"""What editors write is read, and merged without losing anything; what nobody writes does no harm."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Text, get_state

from archive.yjs import (
    NOTHING,
    OURS,
    SpanSet,
    Vector,
    decode_vector,
    diff,
    nothing_new,
    read,
    tree_merge,
    vector_of,
)
from tests.support import bombs
from tests.support.histories import History, pycrdt_history, yjs_history, yjs_loads

SEEDS = range(4)
HOSTILE = 20_000
HOSTILE_S = 170.0


@cache
def history(seed: int) -> History:
    return yjs_history(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_that_yjs_writes_is_read(seed: int) -> None:
    made = yjs_history(seed, cutting="halves") if seed % 2 else history(seed)
    for update in (*made.updates, *made.states, *made.diffs):
        assert vector_of(read(update)) == decode_vector(get_state(update))


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_that_pycrdt_writes_is_read(seed: int) -> None:
    for update in pycrdt_history(seed):
        assert vector_of(read(update)) == decode_vector(get_state(update))


@pytest.mark.parametrize("seed", SEEDS)
def test_spans_of_a_log_come_to_the_vector_that_yjs_has(seed: int) -> None:
    made, vector = history(seed), Vector()
    for update in made.updates:
        found = read(update)
        assert all(vector.clock(need.client) >= need.clock for need in found.needs), "each could be applied"
        vector = vector.advanced(found.spans)
    assert vector == decode_vector(made.vector)
    assert decode_vector(vector.encoded()) == vector


@pytest.mark.parametrize("seed", SEEDS)
def test_merged_by_trees_yjs_has_the_same_document(seed: int) -> None:
    made = history(seed)
    loaded = yjs_loads(tree_merge(made.updates, width=2 + seed))
    assert (loaded.text, loaded.xml) == (made.text, made.xml)
    assert decode_vector(loaded.vector) == decode_vector(made.vector)


@pytest.mark.parametrize("seed", SEEDS)
def test_merging_loses_nothing_that_waits_for_a_missing_update(seed: int) -> None:
    made = history(seed)
    missing = made.updates[3::7]
    there = [update for update in made.updates if update not in missing]
    loaded = yjs_loads(tree_merge([tree_merge(there), *missing]))
    assert (loaded.text, loaded.xml) == (made.text, made.xml)


def test_a_hundred_thousand_keystrokes_are_read_and_merged() -> None:
    first = bombs.update(bombs.text("a"))
    updates = [first, *(bombs.update(bombs.text("a", clock - 1), clock=clock) for clock in range(1, 100_000))]
    vector = Vector()
    for update in updates:
        vector = vector.advanced(read(update).spans)
    assert vector == Vector({5: 100_000}) == vector_of(read(tree_merge(updates), OURS))


@given(seed=st.integers(0, 7), width=st.integers(2, 40), cuts=st.lists(st.integers(0, 203), max_size=4))
@settings(deadline=None, max_examples=30)
def test_a_merge_of_parts_is_the_merge_of_all(seed: int, width: int, cuts: list[int]) -> None:
    updates = _pycrdt(seed)
    edges = [0, *sorted(cuts), len(updates)]
    parts = [tree_merge(updates[start:end], width) for start, end in pairwise(edges)]
    assert _text(tree_merge(parts, width)) == _text(tree_merge(updates, len(updates)))


@given(seed=st.integers(0, 7), cut=st.integers(0, 200))
@settings(deadline=None, max_examples=30)
def test_a_difference_is_what_was_missing(seed: int, cut: int) -> None:
    updates = _pycrdt(seed)
    before, everything = tree_merge(updates[:cut]), tree_merge(updates)
    missed = diff(everything, vector_of(read(before, OURS)))
    assert _text(tree_merge([before, missed])) == _text(everything)
    known, found = read(everything, OURS), read(missed, OURS)
    assert nothing_new(found, vector_of(known), known.deletes)


@given(data=st.data(), seed=st.integers(0, 7))
@settings(deadline=None, max_examples=50)
def test_nothing_new_is_said_of_what_changes_nothing(data: st.DataObject, seed: int) -> None:
    updates = _pycrdt(seed)
    cut = data.draw(st.integers(0, len(updates) - 1))
    known = read(tree_merge(updates[:cut]), OURS)
    later = read(data.draw(st.sampled_from(updates)))
    old = SpanSet(known.spans).cover(later.spans) and SpanSet(known.deletes).cover(later.deletes)
    assert nothing_new(later, vector_of(known), known.deletes) == old


def test_no_updates_merge_to_nothing() -> None:
    assert tree_merge([]) == NOTHING
    assert read(NOTHING).empty


def test_hostile_updates_are_refused_or_harmless() -> None:
    """In a process of its own: its death is this test's failure, and not the end of the run."""
    command = [sys.executable, "-m", "tests.support.hostile", "1", str(HOSTILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HOSTILE_S, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["accepted"] + sum(found["refused"].values()) == HOSTILE
    assert found["accepted"] > HOSTILE / 10, "the generators still make what passes"
    assert len(found["refused"]) > 15, "and what fails in many ways"


def test_the_reader_raises_nothing_else_for_any_bytes() -> None:
    random = Random(5)
    for _ in range(2_000):
        with pytest.raises(ValueError, match=r".+"):
            read(random.randbytes(random.randrange(60)) + b"\xff")


@cache
def _pycrdt(seed: int) -> list[bytes]:
    return pycrdt_history(seed)


def _text(update: bytes) -> tuple[str, Vector]:
    doc: Doc[Any] = Doc()
    doc.apply_update(update)
    return str(doc.get("t", type=Text)), decode_vector(doc.get_state())


@pytest.mark.parametrize("seed", range(50))
def test_updates_with_different_structs_for_the_same_clocks_are_merged(seed: int) -> None:
    """From 21 at once pycrdt may panic."""
    random = Random(seed)
    updates = []
    for _ in range(100):
        clock = random.randrange(6)
        struct = b"\0\1" if random.random() < 0.5 else bombs.text("a", clock - 1 if clock else None)
        updates.append(bombs.update(struct, clock=clock))
    assert vector_of(read(tree_merge(updates), OURS)) == Vector({5: 6})
