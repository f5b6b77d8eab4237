"""Completions that are nobody's message: OpenAI's own answer."""

from __future__ import annotations

from tests.support.completions import REQUEST, asking
from tests.support.nodes import Fleet
from tests.support.provider_faults import cuts, refuses_key


async def test_without_a_chat_the_caller_gets_openais_own_answer(fleet: Fleet) -> None:
    async with asking(fleet) as (_node, api, provider):
        whole = await api.client.post("/api/chat/completions", json=REQUEST | {"stream": False})
        assert whole.json()["choices"][0]["message"]["content"] == "Hello world"
        assert whole.json()["choices"][0]["finish_reason"] == "stop"
        streamed = await api.client.post("/api/chat/completions", json=REQUEST)
        assert streamed.headers["content-type"].startswith("text/event-stream")
        assert '"delta":{"content":"Hello"}' in streamed.text
        assert streamed.text.endswith("data: [DONE]\n\n")
        provider.script = refuses_key
        for stream in (True, False):
            refused = await api.client.post("/api/chat/completions", json=REQUEST | {"stream": stream})
            assert (refused.status_code, refused.json()["code"]) == (502, "provider_error")
        provider.script = cuts
        assert '"type":"provider_error"' in (await api.client.post("/api/chat/completions", json=REQUEST)).text
