"""How the blocks of a note are written as Markdown."""

from __future__ import annotations

import pytest

from archive.yjs.markdown import to_markdown
from archive.yjs.tree import Node, Run


def paragraph(*children: Node | Run | str) -> Node:
    return Node("paragraph", {}, tuple(Run(each) if isinstance(each, str) else each for each in children))


def item(*children: Node, tag: str = "listItem", **attributes: str) -> Node:
    return Node(tag, attributes, children)


def cells(*texts: str, tag: str = "tableCell") -> Node:
    return Node("tableRow", {}, tuple(Node(tag, {}, (paragraph(text),)) for text in texts))


NOTES = {
    "nothing": ([], ""),
    "empty lines": ([paragraph(), paragraph("a"), paragraph()], "a\n"),
    "a heading": ([Node("heading", {"level": "2.0"}, (Run("A #"),))], "## A \\#\n"),
    "a list in a list": (
        [Node("bulletList", {}, (item(paragraph("a"), Node("bulletList", {}, (item(paragraph("b")),))),))],
        "- a\n  - b\n",
    ),
    "a list that counts from three": (
        [Node("orderedList", {"start": "3"}, (item(paragraph("a")), item(paragraph("b"), paragraph("c"))))],
        "3. a\n4. b\n\n   c\n",
    ),
    "tasks": (
        [
            Node(
                "taskList",
                {},
                (
                    item(paragraph("a"), tag="taskItem", checked="true"),
                    item(paragraph("b"), tag="taskItem", checked="false"),
                ),
            )
        ],
        "- [x] a\n- [ ] b\n",
    ),
    "two lists": (
        [Node("bulletList", {}, (item(paragraph("a")),)), Node("bulletList", {}, (item(paragraph("b")),))],
        "- a\n\n<!-- -->\n\n- b\n",
    ),
    "a quotation": ([Node("blockquote", {}, (paragraph("a"), paragraph("b")))], "> a\n>\n> b\n"),
    "code with a fence in it": (
        [Node("codeBlock", {"language": "py"}, (Run("```\n*a*"),))],
        "````py\n```\n*a*\n````\n",
    ),
    "a rule": ([paragraph("a"), Node("horizontalRule"), paragraph("b")], "a\n\n---\n\nb\n"),
    "a break": ([paragraph("a", Node("hardBreak"), "b")], "a\\\nb\n"),
    "an image": (
        [Node("image", {"src": "https://a.b/(c).png", "alt": "[x]"})],
        "![\\[x\\]](https://a.b/%28c%29.png)\n",
    ),
    "a table": (
        [Node("table", {}, (cells("a|b", "c", tag="tableHeader"), cells("d")))],
        "| a\\|b | c |\n| --- | --- |\n| d |  |\n",
    ),
    "a link": (
        [paragraph(Run("x", {"link": {"href": "https://a.b/c d", "title": 'say "it"'}}))],
        '[x](https://a.b/c%20d "say \\"it\\"")\n',
    ),
    "a link that runs a program": ([paragraph(Run("x", {"link": {"href": "javascript:alert(1)"}}))], "x\n"),
    "marks": (
        [paragraph(Run("a", {"bold": {}}), " ", Run("b", {"italic": {}}), " ", Run("c", {"underline": {}}))],
        "**a** *b* <u>c</u>\n",
    ),
    "marks that hug a space": ([paragraph("a", Run(" b ", {"bold": {}}), "c")], "a **b** c\n"),
    "what looks like a list": ([paragraph("1. a"), paragraph("- b"), paragraph("# c")], "1\\. a\n\n\\- b\n\n\\# c\n"),
    "a node that nobody knows": ([Node("callout", {}, (paragraph("a"),))], "a\n"),
}


@pytest.mark.parametrize("name", NOTES)
def test_a_note_is_written_as(name: str) -> None:
    note, markdown = NOTES[name]
    assert to_markdown(note) == markdown
