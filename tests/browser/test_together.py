"""A channel and a note in two real browsers on two nodes: people see each other, and lose nothing that they write."""

from __future__ import annotations

import asyncio

from tests.browser.conftest import Stage
from tests.browser.conversations import TUNNEL
from tests.support.browser import Tab

POSTS = "[...document.querySelectorAll('.post .text')].map((post) => post.textContent).join(' | ')"
NOTE = "document.querySelector('.ProseMirror').textContent.replaceAll('\\u2060', '')"
"""JavaScript: the note's text; it has the names of those who are in it where their cursors are."""


async def _both(stage: Stage) -> tuple[Tab, Tab]:
    """Each is connected to another node."""
    ann = await stage.guest("Ann")
    return ann, await stage.guest("Ben", beside=ann)


async def test_people_talk_in_a_channel_and_see_who_is_typing(stage: Stage) -> None:
    ann, ben = await _both(stage)
    for tab in (ann, ben):
        await tab.click("link", "Lobby")
        await tab.see("textbox", "Write to Lobby")
    await ann.type("Is")
    await ben.until("document.querySelector('.typing').textContent === 'Ann is typing …'")
    await ann.type(" anybody here?")
    await ann.press("Enter")
    await ben.until(f"{POSTS} === 'Is anybody here?'")
    await ben.until("document.querySelector('.typing').textContent === ''")
    await ann.check(*TUNNEL, True)
    await ben.focus("textbox", "Write to Lobby")
    for line in ("Yes.", "Where are you?"):
        await ben.type(line)
        await ben.press("Enter")
        await ben.until(f"{POSTS}.endsWith({line!r})")
    await ann.check(*TUNNEL, False)
    await ann.until(f"{POSTS} === 'Is anybody here? | Yes. | Where are you?'")
    assert ann.errors == ben.errors == []


async def test_a_channel_is_made_and_somebody_is_let_in(stage: Stage) -> None:
    ann, ben = await _both(stage)
    await ann.fill("textbox", "New channel: its name", "Plans")
    await ann.press("Enter")
    await ann.fill("textbox", "Add a person: a name", "Ben")
    await ann.press("Enter")
    await ben.click("link", "Plans")
    await ben.see("textbox", "Write to Plans")
    await ben.type("Thanks")
    await ben.press("Enter")
    await ann.until(f"{POSTS} === 'Thanks'")
    assert ann.errors == ben.errors == []


async def test_two_write_in_a_note_at_once_also_from_a_tunnel(stage: Stage) -> None:
    ann, ben = await _both(stage)
    for tab in (ann, ben):
        await tab.click("link", "A note for everybody")
        await tab.until("document.querySelector('.toolbar .tag')?.textContent === 'Saved'")
        await tab.focus("textbox", "Text of the note")
    await ann.type("Ann was here. ")
    await ben.until(f"{NOTE}.includes('Ann was here. ')")
    await ben.until("document.querySelector('.other-cursor')?.textContent.includes('Ann')")
    await ann.check(*TUNNEL, True)
    await ann.focus("textbox", "Text of the note")
    await ann.press("End")
    await ann.press("Enter")
    await asyncio.gather(ann.type("In the dark. "), ben.type("Ben was here. "))
    assert "Ben" not in await ann.value(NOTE)
    await ann.check(*TUNNEL, False)
    for tab in (ann, ben):
        for said in ("Ann was here. ", "In the dark. ", "Ben was here. "):
            await tab.until(f"{NOTE}.includes({said!r})")
        await tab.until("document.querySelector('.toolbar .tag').textContent === 'Saved'")
    without_cursors = "[...document.querySelectorAll('.ProseMirror > p')].map((p) => { const copy = p.cloneNode(true); "
    without_cursors += "copy.querySelectorAll('.other-cursor').forEach((c) => c.remove()); return copy.textContent; })"
    assert await ann.value(without_cursors) == await ben.value(without_cursors)
    for tab in (ben, ann):
        await tab.press("Shift+Home")
        await tab.click("link", "Lobby")
        await tab.see("textbox", "Write to Lobby")
    assert ann.errors == ben.errors == []


async def test_formatting_a_note_and_its_title_reach_the_other(stage: Stage) -> None:
    ann, ben = await _both(stage)
    await ann.fill("textbox", "New note: its name", "Shopping")
    await ann.press("Enter")
    await ann.fill("textbox", "Share with: a name", "Ben")
    await ann.press("Enter")
    await ben.click("link", "Shopping")
    for tab in (ann, ben):
        await tab.until("document.querySelector('.toolbar .tag')?.textContent === 'Saved'")
    await ann.focus("textbox", "Text of the note")
    await ann.click("button", "Bold")
    await ann.type("bread")
    await ben.until("document.querySelector('.ProseMirror strong')?.textContent === 'bread'")
    await ann.fill("textbox", "Title of the note", "Saturday")
    await ann.press("Enter")
    await ben.see("link", "Saturday")
    assert ann.errors == ben.errors == []
