"""What a node needs of the machine that it is on: a folder, a secret, a port, pages, a provider."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import httpx

from app.pages import BUILT
from app.settings import Settings
from cli.checks.finding import Finding

SECRET_BYTES = 32
"""HS256 asks for as many."""

ASK_S = 5.0


def data_folder(folder: Path) -> Finding:
    """Whether the folder of the embedded servers can be used, or made."""
    place = folder.expanduser().resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return Finding("ok", "ROOMLOG_DATA_DIR", f"{folder} can be written")
    what = f"{place} cannot be written by this user" if place.is_dir() else f"{place} is no folder"
    return Finding("bad", "ROOMLOG_DATA_DIR", what, "Set it to a folder of this user's, with room for the data.")


def secret(settings: Settings) -> Finding:
    """What signs the tokens."""
    about, cure = "WEBUI_SECRET_KEY", "Set it, the same for all nodes: openssl rand -hex 32."
    if settings.webui_secret_key is None:
        if settings.log_url and settings.database_url:
            return Finding("bad", about, "it is not set: no node starts without, on servers of its own", cure)
        return Finding("ok", about, f"not set: {settings.roomlog_data_dir / 'secret'} signs, for development")
    if len(settings.webui_secret_key.encode()) < SECRET_BYTES:
        return Finding("warn", about, f"it is shorter than {SECRET_BYTES} bytes: it can be guessed from a token", cure)
    return Finding("ok", about, "set")


async def port(settings: Settings) -> Finding:
    """Whether a node can listen, or does already."""
    about, place = "PORT", f"{settings.host}:{settings.port}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as fault:
        if await _is_node(settings):
            return Finding("ok", about, f"a node answers at {place}")
        return Finding("bad", about, f"cannot listen on {place}: {fault.strerror}", "Set PORT or HOST to another.")
    return Finding("ok", about, f"{place} is free")


async def _is_node(settings: Settings) -> bool:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/livez"
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=ASK_S) as client:
            return (await client.get(url)).is_success
    except httpx.HTTPError:
        return False


def pages() -> Finding:
    """The demo chat and the console."""
    if (BUILT / "index.html").exists():
        return Finding("ok", "pages", "built")
    what = "the demo chat and the console are not built; all else works"
    return Finding("warn", "pages", what, "make pages; a wheel brings them.")


async def provider(settings: Settings) -> Finding:
    """Whoever answers completions."""
    about, url = "OPENAI_API_BASE_URL", settings.openai_api_base_url
    if url is None:
        return Finding("ok", about, "not set: the embedded provider echoes")
    key = settings.openai_api_key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        async with asyncio.timeout(ASK_S), httpx.AsyncClient(timeout=ASK_S) as client:
            status = (await client.get(f"{url}/models", headers=headers)).status_code
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as fault:
        what = f"{url} does not answer: {fault or f'not within {ASK_S:g} s'}"
        return Finding("bad", about, what, "Start it, or mend the URL, which ends in /v1 mostly.")
    if status in (401, 403):
        return Finding("bad", about, f"{url} refuses the key (HTTP {status})", "Mend OPENAI_API_KEY.")
    if status >= 400:
        return Finding("warn", about, f"{url}/models answers HTTP {status}", "Mend the URL, which ends in /v1 mostly.")
    return Finding("ok", about, f"{url} answers")
