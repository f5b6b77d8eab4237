"""Markdown of the rich text that Tiptap, Open WebUI's editor of notes, keeps in a Yjs XML fragment.

The names are Tiptap's: paragraph, heading (level), bulletList, orderedList (start), taskList, listItem, taskItem
(checked), blockquote, codeBlock (language), horizontalRule, table; inside lines hardBreak, image and mention; marks
bold, italic, strike, code, link, underline and highlight. What Markdown cannot say is HTML, as Markdown allows. Of a
node that is not known its content is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from archive.yjs.inline import CELL_CODE, inline
from archive.yjs.tree import Node, Run

_INLINE = frozenset({"hardBreak", "image", "mention"})
_LISTS = frozenset({"bulletList", "orderedList", "taskList"})


EMPTIED = "\n"
"""Stands for a note that has no text any more, where an empty text means that nobody has written one."""


def to_markdown(children: Sequence[Node | Run]) -> str:
    """The Markdown of a document's top level; empty, or it ends with a line break."""
    text = _blocks(children)
    return text + "\n" if text else ""


def _blocks(children: Sequence[Node | Run], tight: bool = False) -> str:
    """One under the other, with an empty line between unless `tight`. Inline content between blocks is a paragraph."""
    parts: list[str] = []
    previous = ""
    for child in _nodes(children):
        text = _block(child)
        if not text:
            continue
        if child.tag in _LISTS and previous in _LISTS:
            parts.append("<!-- -->")  # or two lists would be one
        previous = child.tag
        parts.append(text)
    return ("\n" if tight else "\n\n").join(parts)


def _nodes(children: Sequence[Node | Run]) -> Iterator[Node]:
    for in_line, group in groupby(children, _is_inline):
        if in_line:
            yield Node("paragraph", {}, tuple(group))
        else:
            yield from (each for each in group if isinstance(each, Node))


def _is_inline(child: Node | Run) -> bool:
    return isinstance(child, Run) or child.tag in _INLINE


def _block(node: Node) -> str:
    render = _BLOCKS.get(node.tag)
    return render(node) if render is not None else _blocks(node.children)


def _heading(node: Node) -> str:
    text = inline(node.children, " ")
    level = min(max(_number(node.attributes.get("level", ""), 1), 1), 6)
    text = re.sub(r"(#+)$", r"\\\1", text)
    return f"{'#' * level} {text}" if text else ""


def _code_block(node: Node) -> str:
    text = _text(node)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    language = re.sub(r"[\s`]", "", node.attributes.get("language", ""))
    return f"{fence}{language}\n{text}\n{fence}"


def _quote(node: Node) -> str:
    return "\n".join(f"> {line}".rstrip() for line in _blocks(node.children).split("\n"))


def _list(node: Node) -> str:
    number = _number(node.attributes.get("start", ""), 1)
    items = []
    for child in node.children:
        if isinstance(child, Run):
            continue
        items.append(_item(child, f"{number}. " if node.tag == "orderedList" else "- "))
        number += 1
    return "\n".join(items)


def _item(node: Node, marker: str) -> str:
    tight = all(isinstance(child, Run) or child.tag in {"paragraph", *_LISTS} for child in node.children)
    paragraphs = sum(isinstance(child, Node) and child.tag == "paragraph" for child in node.children)
    text = _blocks(node.children, tight and paragraphs < 2)
    box = ""
    if node.tag == "taskItem":
        box = "[x] " if node.attributes.get("checked") == "true" else "[ ] "
    indent = " " * len(marker)
    lines = (marker + box + text).split("\n")
    return "\n".join(line if not index or not line else indent + line for index, line in enumerate(lines)).rstrip()


def _table(node: Node) -> str:
    rows = [_cells(child) for child in node.children if isinstance(child, Node)]
    width = max((len(row) for row in rows), default=0)
    if not width:
        return ""
    head, *rest = [[*row, *[""] * (width - len(row))] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * width, *rest))


def _cells(row: Node) -> list[str]:
    return [_cell(cell) for cell in row.children if isinstance(cell, Node)]


def _cell(cell: Node) -> str:
    """Markdown's cells hold one line each."""
    blocks = [block.children if isinstance(block, Node) else (block,) for block in cell.children]
    lines = [inline([_in_cell(child) for child in block], "<br>") for block in blocks]
    return "<br>".join(line for line in lines if line)


def _in_cell(child: Node | Run) -> Node | Run:
    if isinstance(child, Node):
        return Node(child.tag, child.attributes, tuple(_in_cell(each) for each in child.children))
    if "code" not in child.marks or "|" not in child.text:
        return child
    return Run(child.text, {CELL_CODE if name == "code" else name: held for name, held in child.marks.items()})


def _text(node: Node) -> str:
    """All of its text, as it is."""
    texts = []
    for child in node.children:
        if isinstance(child, Run):
            texts.append(child.text)
        else:
            texts.append("\n" if child.tag == "hardBreak" else _text(child))
    return "".join(texts)


def _number(text: str, otherwise: int) -> int:
    """A whole number that may be written as 2.0, as yrs writes JavaScript's numbers."""
    found = re.fullmatch(r"(\d{1,9})(?:\.0+)?", text)
    return int(found[1]) if found else otherwise


_BLOCKS: dict[str, Callable[[Node], str]] = {
    "paragraph": lambda node: inline(node.children),
    "heading": _heading,
    "codeBlock": _code_block,
    "blockquote": _quote,
    "bulletList": _list,
    "orderedList": _list,
    "taskList": _list,
    "horizontalRule": lambda node: "---",
    "table": _table,
}
