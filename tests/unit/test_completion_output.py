"""Pieces of a provider's answer, and the events that tell them. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from app.completions.gathered import gathered
from app.completions.output import ANSWER_CHARS, Output
from app.completions.pieces import (
    Finish,
    Piece,
    ProviderError,
    Reasoning,
    Text,
    ToolCall,
    Usage,
    error_text,
    joined,
    pieces_of,
)
from app.completions.request import CompletionRequest
from app.completions.sse import read_json


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


CALL = {"index": 1, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a"'}}
READ: list[tuple[str, dict[str, Any], list[Piece]]] = [
    ("text", delta(content="a"), [Text("a")]),
    ("parts of text", delta(content=[{"type": "text", "text": "a"}, {"type": "image"}]), [Text("a")]),
    ("nothing", delta(content=None, role="assistant"), []),
    ("DeepSeek's reasoning", delta(reasoning_content="r"), [Reasoning("r")]),
    ("OpenRouter's reasoning", delta(reasoning="r", content=""), [Reasoning("r")]),
    ("a call", delta(tool_calls=[CALL]), [ToolCall(1, "c", "f", '{"a"')]),
    ("more of a call", delta(tool_calls=[{"index": 1, "function": {"arguments": "x"}}]), [ToolCall(1, "", "", "x")]),
    ("usage", {"choices": [], "usage": {"total_tokens": 3}}, [Usage({"total_tokens": 3})]),
    ("the end", {"choices": [{"delta": {}, "finish_reason": "stop"}]}, [Finish("stop")]),
    ("only the first choice", {"choices": [{"index": 1, "delta": {"content": "b"}}]}, []),
    ("a whole message", {"choices": [{"message": {"content": "a"}}]}, [Text("a")]),
    ("nonsense", {"choices": "x", "usage": 3}, []),
    ("nonsense inside", {"choices": [3, {"delta": {"content": 3, "tool_calls": [3, {"index": "x"}]}}]}, [
        ToolCall(1, "", "", "")
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "pieces"), [case[1:] for case in READ], ids=[case[0] for case in READ])
def test_a_chunk_is_read(value: dict[str, Any], pieces: list[Piece]) -> None:
    assert list(pieces_of(value)) == pieces


@pytest.mark.parametrize(
    ("error", "text"),
    [
        ({"error": {"message": "no\n more"}}, "no more"),
        ({"error": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"error": {"code": 7}}, "7"),
        ({"error": {"error": {"message": "no"}}}, "no"),
        ("plain", "plain"),
        ([], ""),
    ],
)
def test_an_error_is_told_in_one_line(error: object, text: str) -> None:
    assert error_text(error) == text


def test_an_error_object_in_the_stream_is_raised() -> None:
    with pytest.raises(ProviderError, match="overloaded"):
        list(pieces_of({"error": {"message": "overloaded"}}))


def test_neighbours_of_one_kind_become_one_delta() -> None:
    calls: list[Piece] = [ToolCall(0, "i", "f", "{"), ToolCall(0, "", "", "}")]
    pieces = [Text("a"), Text("b"), Reasoning("c"), Text("d"), *calls]
    assert list(joined(pieces)) == [Text("ab"), Reasoning("c"), Text("d"), ToolCall(0, "i", "f", "{}")]


def test_plain_text_is_told_by_deltas_alone() -> None:
    output = Output("r")
    assert output.take([Text("a"), Text("b")]) == [("chat:message:delta", {"content": "ab"})]
    assert output.end() == []
    assert output.items() is None


def test_reasoning_then_text_then_a_call_become_items() -> None:
    output = Output("r")
    events = output.take([Reasoning("hm"), Text("yes"), ToolCall(0, "c", "f", "{"), ToolCall(0, "", "", "}")])
    kinds = [data.get("type", kind) for kind, data in [*events, *output.end()]]
    assert kinds == [
        "response.output_item.added",
        "response.reasoning_text.delta",
        "response.output_item.done",
        "chat:message:delta",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.output_item.done",
    ]
    reasoning, message, call = output.items() or []
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "hm"}]
    assert message["content"][0]["text"] == "yes"
    assert (call["call_id"], call["name"], call["arguments"], call["status"]) == ("c", "f", "{}", "completed")


def test_calls_that_are_told_in_turns_stay_apart() -> None:
    output = Output("r")
    output.take([ToolCall(0, "a", "f", "1"), ToolCall(1, "b", "g", "2"), ToolCall(0, "", "", "3")])
    assert [(c["id"], c["function"]["arguments"]) for c in output.calls()] == [("a", "13"), ("b", "2")]


def test_an_answer_without_end_is_ended() -> None:
    output = Output("r")
    with pytest.raises(ProviderError, match="characters"):  # noqa: PT012  # which of them it is does not matter
        for _ in range(3):
            output.take([Text("x" * (ANSWER_CHARS // 2))])


def test_the_provider_gets_openais_request_only() -> None:
    body = {"model": "m", "messages": [{"role": "user"}], "chat_id": "c", "id": "i", "top_k": 3, "features": {}}
    request = CompletionRequest.model_validate(body)
    assert request.for_provider() == {"model": "m", "messages": [{"role": "user"}], "top_k": 3}


async def test_what_comes_together_is_gathered_and_the_fault_comes_last() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2
        await asyncio.sleep(0.2)
        yield 3
        raise ValueError("end")

    got: list[list[int]] = []
    with pytest.raises(ValueError, match="end"):  # noqa: PT012  # raised by the loop itself
        async for items in gathered(source(), 0.02, 10):
            got.append(items)  # noqa: PERF401  # the fault comes after these
    assert got == [[1, 2], [3]]


async def test_a_slow_consumer_holds_the_source_up() -> None:
    asked = 0

    async def source() -> AsyncIterator[int]:
        nonlocal asked
        while True:
            asked += 1
            yield asked

    async with aclosing(gathered(source(), 0.01, 5)) as lists:
        assert await anext(lists) == [1, 2, 3, 4, 5]
        await asyncio.sleep(0.05)
        assert asked == 5


def test_a_character_that_was_cut_between_its_halves_is_put_together() -> None:
    one, two = (read_json(b'{"t": "%s"}' % half)["t"] for half in (b"a\\ud83d", b"\\ude00b"))
    output = Output("r")
    assert output.take([Text(one)]) == [("chat:message:delta", {"content": "a"})]
    assert output.take([Text(two)]) == [("chat:message:delta", {"content": "\U0001f600b"})]
    assert output.take([Text("\ude00")]) == [("chat:message:delta", {"content": "\ufffd"})]
