"""Markdown of what stands in one line: texts, their marks, line breaks, images."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby

from archive.yjs.tree import Node, Run

_ESCAPED = re.compile(r"[\\`*_\[\]<>~|&=$!]")
_LINE_START = re.compile(r"^(?:[#+-]|\d+(?=[.)]))")
_SPACES = re.compile(r"\s+")
_SAFE_URL = re.compile(r"^(?:https?:|mailto:|tel:|[^:]*$|[/#?.][^\s]*$)", re.IGNORECASE)
_HARD_BREAK = "\\\n"

CELL_CODE = "cellCode"
"""A mark for code with a `|` in a table's cell, which ends at that sign even between backticks: it is HTML's `code`."""

_TAGS = {"bold": "strong", "italic": "em", "strike": "s", "underline": "u", "highlight": "mark", CELL_CODE: "code"}
_SIGNS = {"bold": "**", "italic": "*", "strike": "~~"}
_ORDER = ("link", *_TAGS)
"""Marks from the outside in. Code is always the innermost: nothing is marked inside it."""


def inline(children: Sequence[Node | Run], line_break: str = _HARD_BREAK) -> str:
    """The Markdown of inline content, its start not mistaken for a heading or a list."""
    pieces = [_pieces(child, line_break) for child in children]
    text = _marked([piece for group in pieces for piece in group], _ORDER, "", "").strip(" ")
    return _LINE_START.sub(lambda found: _number_or_sign(found[0]), text)


def _number_or_sign(start: str) -> str:
    """`1.` is escaped behind the number, the others before themselves."""
    return start + "\\" if start.isdigit() else "\\" + start


class _Raw(str):
    """Markdown already."""

    __slots__ = ()


def _pieces(child: Node | Run, line_break: str) -> list[tuple[str, Mapping[str, Mapping[str, str]]]]:
    """Texts with their marks; _Raw for what is no text."""
    if isinstance(child, Run):
        text = _SPACES.sub(" ", child.text)
        return [(text, child.marks)] if text else []
    if child.tag == "hardBreak":
        return [(_Raw(line_break), {})]
    if child.tag == "image":
        return [(_Raw(_image(child.attributes)), {})]
    if child.tag == "mention":
        return [("@" + (child.attributes.get("label") or child.attributes.get("id", "")), {})]
    return [piece for each in child.children for piece in _pieces(each, line_break)]


def _marked(
    pieces: Sequence[tuple[str, Mapping[str, Mapping[str, str]]]], marks: Sequence[str], before: str, after: str
) -> str:
    """before, after: the characters beside; they decide whether Markdown's own signs are understood."""
    if not marks:
        return "".join(_leaf(code, list(run)) for code, run in groupby(pieces, lambda piece: "code" in piece[1]))
    mark, inner = marks[0], marks[1:]
    groups = [(held, list(run)) for held, run in groupby(pieces, lambda piece: piece[1].get(mark))]
    out = []
    for index, (held, run) in enumerate(groups):
        left = groups[index - 1][1][-1][0][-1:] if index else before
        right = groups[index + 1][1][0][0][:1] if index + 1 < len(groups) else after
        if held is None:
            out.append(_marked(run, inner, left, right))
        else:
            out.append(_wrapped(mark, held, run, inner, left, right))
    return "".join(out)


def _wrapped(
    mark: str,
    attributes: Mapping[str, str],
    run: list[tuple[str, Mapping[str, Mapping[str, str]]]],
    inner: Sequence[str],
    left: str,
    right: str,
) -> str:
    if mark == "link":
        text = _marked(run, inner, "[", "]")
        return f"[{text}]({_target(attributes)})" if _is_safe(attributes) else text
    start, run, end = _trimmed(run)
    if not run:
        return start + end
    left, right = start or left, end or right
    if mark in _SIGNS and _understood(run[0], run[0][0][:1], left) and _understood(run[-1], run[-1][0][-1:], right):
        sign = _SIGNS[mark]
        return start + sign + _marked(run, inner, "*", "*") + sign + end
    tag = _TAGS[mark]
    return f"{start}<{tag}>{_marked(run, inner, '>', '<')}</{tag}>{end}"


def _trimmed(
    run: list[tuple[str, Mapping[str, Mapping[str, str]]]],
) -> tuple[str, list[tuple[str, Mapping[str, Mapping[str, str]]]], str]:
    """Spaces at the edges stand outside of marks: Markdown's signs hug their text."""
    run = list(run)
    start = end = ""
    while run and not run[0][0].strip():
        start, run = start + run[0][0], run[1:]
    while run and not run[-1][0].strip():
        end, run = run[-1][0] + end, run[:-1]
    if run and not isinstance(run[0][0], _Raw) and run[0][0].startswith(" "):
        start, run[0] = start + " ", (run[0][0].lstrip(" "), run[0][1])
    if run and not isinstance(run[-1][0], _Raw) and run[-1][0].endswith(" "):
        end, run[-1] = " " + end, (run[-1][0].rstrip(" "), run[-1][1])
    return start, run, end


def _understood(piece: tuple[str, Mapping[str, Mapping[str, str]]], edge: str, beside: str) -> bool:
    """CommonMark's rule for signs, on the safe side: a letter inside, or nothing, or a space outside."""
    text, held = piece
    if not beside or beside.isspace():
        return True
    return edge.isalnum() and beside.isalnum() and len(held) == 1 and not isinstance(text, _Raw)


def _leaf(code: bool, pieces: Sequence[tuple[str, Mapping[str, Mapping[str, str]]]]) -> str:
    texts = [text for text, _ in pieces]
    if code and not any(isinstance(text, _Raw) for text in texts):
        return _code("".join(texts))
    return "".join(text if isinstance(text, _Raw) else _ESCAPED.sub(r"\\\g<0>", text) for text in texts)


def _code(text: str) -> str:
    if not text.strip():
        return text
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def _is_safe(attributes: Mapping[str, str]) -> bool:
    """A target that runs nothing: Markdown is shown as HTML somewhere."""
    url = attributes.get("href", attributes.get("src", "")).strip()
    return bool(url) and bool(_SAFE_URL.match(url))


def _target(attributes: Mapping[str, str]) -> str:
    url = _SPACES.sub("%20", attributes.get("href", attributes.get("src", "")).strip())
    url = re.sub(r"[<>()\\]", lambda found: f"%{ord(found[0]):02X}", url)
    title = _SPACES.sub(" ", attributes.get("title", ""))
    quoted = re.sub(r'[\\"&<]', r"\\\g<0>", title)
    return f'{url} "{quoted}"' if title else url


def _image(attributes: Mapping[str, str]) -> str:
    alt = _ESCAPED.sub(r"\\\g<0>", _SPACES.sub(" ", attributes.get("alt", "")))
    return f"![{alt}]({_target(attributes)})" if _is_safe(attributes) else alt
