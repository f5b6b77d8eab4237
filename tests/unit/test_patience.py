"""How long an event call waits for its answer."""

from __future__ import annotations

from typing import Any

import pytest

from app.question import Patience, Question


@pytest.mark.parametrize(
    ("kind", "data", "wait_s", "expected"),
    [
        ("execute", {"timeout_ms": 90_000}, None, 7),
        ("input", {}, None, 7),
        ("input", None, None, 7),
        ("input", {"timeout_ms": "90000"}, None, 7),
        ("input", {"timeout_ms": 90_000}, None, 90),
        ("confirmation", {"timeout_ms": 1}, None, 60),
        ("request:user_input", {"timeout_ms": 1e12}, None, 240),
        ("request:user_input", {"timeout_ms": 90_000}, 3, 3),
    ],
)
def test_a_person_is_waited_for_within_bounds_and_a_program_as_the_settings_say(
    kind: str, data: Any, wait_s: float | None, expected: float
) -> None:
    question = Question("u", "s", "c", "m", kind, data, wait_s)
    assert question.timeout_s(Patience(7, 60, 240)) == expected
