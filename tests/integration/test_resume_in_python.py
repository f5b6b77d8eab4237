"""Resume, with Python's client: what a client missed comes once, in order, on any node."""

from __future__ import annotations

from cli.resuming import ResumingClient
from tests.support.nodes import Api, Fleet, eventually, token


async def test_a_client_that_was_away_gets_exactly_what_it_missed_from_the_other_node(fleet: Fleet) -> None:
    async with fleet.inside() as one, fleet.inside() as two:
        api = Api(one.url)
        chat = await api.new_chat()
        client = ResumingClient(reconnection=False)
        got: list[tuple[str, str]] = []
        client.on("events", lambda body, position: got.append((body["data"]["data"]["content"], position)))
        await client.open(one.url, token())
        for number in range(10):
            await api.emit(chat, "message", {"content": f"{number} "})
        await eventually(lambda: len(got) == 10)
        await client.eio.disconnect(abort=True)
        for number in range(10, 30):
            await api.emit(chat, "message", {"content": f"{number} "})
        await client.open(two.url, token())
        assert client.recovered
        await api.emit(chat, "message", {"content": "30 "})
        await eventually(lambda: got[-1][0] == "30 ")
        assert "".join(content for content, _ in got).split() == [str(n) for n in range(31)]
        assert len(got) == 12  # what was missed came as one event
        assert len({position for _, position in got}) == len(got)
        await client.disconnect()
        await api.aclose()
