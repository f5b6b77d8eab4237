"""Markdown of a note, read by a parser of CommonMark, says what the note says."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from archive.yjs.markdown import to_markdown
from archive.yjs.tree import Node, Run

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
MARKS = {
    "strong": "bold",
    "em": "italic",
    "s": "strike",
    "code": "code",
    "u": "underline",
    "mark": "highlight",
    "a": "link",
}
_URL = {"href": "https://a.b/c"}
_names: st.SearchStrategy[set[str]] = st.sets(st.sampled_from(sorted(set(MARKS.values()) - {"link"})))
_marks: st.SearchStrategy[dict[str, dict[str, str]]] = _names.map(lambda names: {name: {} for name in names})
_linked = st.booleans().map(lambda link: {"link": _URL} if link else {})
_texts = st.text(st.sampled_from("ab é1.)(*_`[]<>#+-~|&;!\\=$:/😀\"'"), min_size=1, max_size=6)
_runs = st.lists(st.builds(lambda text, marks, link: Run(text, {**marks, **link}), _texts, _marks, _linked), max_size=5)


class Seen(HTMLParser):
    """Every character that is no space, with the marks around it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.characters: list[tuple[str, frozenset[str]]] = []
        self.blocks: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        (self.open if tag in MARKS else self.blocks).append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in MARKS:
            self.open.remove(tag)

    def handle_data(self, data: str) -> None:
        marks = frozenset(MARKS[tag] for tag in self.open)
        self.characters += [(character, marks) for character in data if not character.isspace()]


def seen(markdown: str) -> Seen:
    parser = Seen()
    parser.feed(PARSER.render(markdown))
    parser.close()
    return parser


def expected(runs: list[Run]) -> list[tuple[str, frozenset[str]]]:
    return [(each, frozenset(run.marks)) for run in runs for each in run.text if not each.isspace()]


@given(_runs)
@settings(deadline=None, max_examples=150)
@example([Run("a!", {"bold": {}}), Run("b")])
@example([Run("a", {"bold": {}}), Run("b", {"italic": {}})])
def test_a_paragraph_keeps_its_characters_and_their_marks(runs: list[Run]) -> None:
    found = seen(to_markdown([Node("paragraph", {}, tuple(runs))]))
    assert found.characters == expected(runs)
    assert found.blocks in (["p"], []), "and it is nothing else than a paragraph"


@given(_runs, st.sampled_from(["bulletList", "orderedList", "blockquote", "heading", "table"]))
@settings(deadline=None, max_examples=80)
def test_so_it_does_inside_other_blocks(runs: list[Run], block: str) -> None:
    paragraph = Node("paragraph", {}, tuple(runs))
    children: dict[str, tuple[Node | Run, ...]] = {
        "heading": tuple(runs),
        "blockquote": (paragraph,),
        "table": (Node("tableRow", {}, (Node("tableCell", {}, (paragraph,)),)),),
    }
    inner = children.get(block, (Node("listItem", {}, (paragraph,)),))
    assert seen(to_markdown([Node(block, {}, inner)])).characters == expected(runs)
