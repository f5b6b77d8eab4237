"""The result: a table for people, JSON for programs, and whether all is well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from rich.table import Table

from cli.demo.account import Account, Content
from cli.demo.conversation import Conversation, Ledger

SHOWN_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Row:
    """A place that has the text. same: it has exactly what the producer sent. Counts are None where none apply."""

    place: str
    sha256: str
    same: bool
    account: Account | None = None
    links: int | None = None
    recovered: int | None = None
    reloads: int | None = None

    @property
    def good(self) -> bool:
        return self.same and (self.account is None or self.account.clean)


@dataclass(frozen=True, slots=True)
class Section:
    """One document: what was sent, and who has it."""

    document: str
    user: str
    events: int
    sha256: str
    rows: list[Row]
    good: bool


@dataclass(slots=True)
class Result:
    """Everything that was found. notes: what a reader must know besides, such as a client that was left out."""

    sections: list[Section]
    seconds: float
    kills: dict[str, int]
    cuts: int
    retries: int
    notes: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return all(section.good for section in self.sections)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"good": self.good, **asdict(self)}


def client_row(ledger: Ledger) -> Row:
    found = ledger.content
    same = found == ledger.conversation.content
    return Row(ledger.client, found.sha256, same, ledger.account, ledger.links, ledger.recovered, ledger.reloads)


def stored_row(place: str, found: Content, conversation: Conversation) -> Row:
    return Row(place, found.sha256, found == conversation.content)


def section(conversation: Conversation, rows: list[Row]) -> Section:
    """The producer's own text must be the document's: the last thing that could differ."""
    sent = conversation.content
    good = sent.text == conversation.document.text and all(row.good for row in rows)
    return Section(conversation.document.name, conversation.user, len(conversation.sent), sent.sha256, rows, good)


def table(result: Result) -> Table:
    """One section per document."""
    made = Table(title="What was sent, and who has it", title_justify="left", caption=caption(result))
    made.add_column("document, client", no_wrap=True)
    for name in ("sent", "received", "repeated", "lost", "misplaced", "resumed"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column(f"SHA-256 ({SHOWN_DIGITS} of 64)", no_wrap=True)
    made.add_column("")
    for part in result.sections:
        digest = f"[bold]{part.sha256[:SHOWN_DIGITS]}"
        made.add_row(f"[bold]{part.document}", str(part.events), *[""] * 5, digest, _mark(part.good))
        for row in part.rows:
            made.add_row(*_cells(row))
        made.add_section()
    return made


def _cells(row: Row) -> Iterator[str]:
    yield f"  {row.place}"
    yield ""
    count = row.account
    yield from ("",) * 4 if count is None else map(str, (count.received, count.repeated, count.lost, count.misplaced))
    yield _resumed(row)
    yield row.sha256[:SHOWN_DIGITS]
    yield _mark(row.good)


def _resumed(row: Row) -> str:
    """How many of the connections after the first brought the session back; a page that reloads has a new one."""
    if row.links is None:
        return ""
    return f"{row.reloads} reloads" if row.reloads else f"{row.recovered} of {row.links - 1}"


def _mark(good: bool) -> str:
    return "[green]same" if good else "[red]DIFFERS"


def caption(result: Result) -> str:
    kills = ", ".join(f"{name} killed {times} x" for name, times in result.kills.items())
    facts = f"{kills}; links cut {result.cuts} x; requests repeated {result.retries} x; {result.seconds:.0f} s"
    return "\n".join([facts, *result.notes])
