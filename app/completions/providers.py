"""Which provider answers a request."""

from __future__ import annotations

from app.completions.browser import Browser
from app.completions.echo import Echo
from app.completions.request import CompletionRequest
from app.completions.upstream import OpenAi, Upstream
from app.direct import Direct, Page
from app.settings import Settings


def upstream_of(settings: Settings) -> Upstream:
    """The provider that the settings name."""
    if settings.openai_api_base_url is None:
        return Echo(settings.echo_words_s)
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    idle_s, connect_s = settings.completion_idle_s, settings.completion_connect_s
    return OpenAi(settings.openai_api_base_url, key, idle_s, connect_s, settings.completion_tasks)


class Providers:
    """The node's own provider, and the browsers of those who ask."""

    def __init__(self, settings: Settings, direct: Direct) -> None:
        self._own = upstream_of(settings)
        self._direct = direct

    def of(self, asker: str, request: CompletionRequest) -> Upstream:
        """Where a request's answer comes from. asker: the asking user, who vouches for the request's session."""
        model = request.direct_model
        if model is None:
            return self._own
        page = Page(asker, request.session_id or "", request.chat_id, request.id)
        return Browser(self._direct, page, model)

    async def aclose(self) -> None:
        """Close the connections to the provider. May be called twice."""
        await self._own.aclose()
