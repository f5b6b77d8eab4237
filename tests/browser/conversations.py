"""What tests do in the demo's chat, and what they see there."""

from __future__ import annotations

from tests.browser.conftest import Stage
from tests.support.browser import Tab
from tests.support.nodes import Process, eventually

TEXT = " ".join(f"word-{number}" for number in range(200))
ANSWER = "document.querySelectorAll('.message:not(.mine) .text')"
"""JavaScript: the answers on the page, oldest first."""

STATUS = "document.querySelector('.status')?.innerText.includes('{}')"
"""JavaScript: whether the page says this of its connection."""

TUNNEL = ("switch", "Go through a tunnel")


async def ask(tab: Tab, text: str = TEXT) -> None:
    await tab.fill("textbox", "Write to the assistant", text)
    await tab.press("Enter")


async def asked_at(node: Process, stage: Stage, name: str, text: str = TEXT) -> str:
    """The same without a page, at one node: it writes the answer. Returns the chat."""
    async with stage.api(name, node.url) as client:
        chat = str((await client.post("/api/v1/chats/new", json={"title": "Asked elsewhere"})).json()["id"])
        question = {"id": "q", "parentId": None, "role": "user", "content": text}
        body = {"model": "echo", "stream": True, "chat_id": chat, "id": "a", "user_message": question}
        assert (await client.post("/api/chat/completions", json=body)).is_success
        return chat


async def began(tab: Tab, characters: int = 40) -> None:
    """Wait until the answer has so many characters on the page."""
    await tab.until(f"{ANSWER}[0]?.textContent.length > {characters}")


async def answer(tab: Tab) -> str:
    """The text of the first answer, as it stands on the page."""
    return str(await tab.value(f"{ANSWER}[0].textContent"))


async def whole(tab: Tab, text: str = TEXT) -> None:
    """Wait until the answer is the whole text and nothing more."""
    await tab.until(f"{ANSWER}[0]?.textContent === {text!r}")


async def counter(tab: Tab, name: str) -> str:
    """What one of the counters shows."""
    figures = "[...document.querySelectorAll('.figure')]"
    return str(await tab.value(f"{figures}.find((f) => f.innerText.includes('{name}')).querySelector('dd').innerText"))


async def ended(stage: Stage, name: str) -> None:
    """Wait until the newest answer in the user's only chat has ended, whoever knows it."""
    async with stage.api(name) as client:
        chat_id = (await client.get("/api/v1/chats/")).json()[0]["id"]

        async def over() -> bool:
            chat = (await client.get(f"/api/v1/chats/{chat_id}")).json()["chat"]["history"]
            return bool(chat["messages"][chat["currentId"]].get("done"))

        await eventually(over, 60)
