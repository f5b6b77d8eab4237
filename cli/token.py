"""`roomlog token`: a signed token for a user."""

import secrets
import time
from typing import Any

import jwt

from app.settings import load_settings
from embedded import development_secret


def token(user: str, name: str, role: str, ttl_s: int) -> str:
    """A JWT (HS256) for the nodes that share this environment. Raises `SettingsError`, `EmbeddedError`."""
    settings = load_settings()
    secret = settings.webui_secret_key or development_secret(settings.roomlog_data_dir)
    return jwt.encode(claims(user, name, role, ttl_s), secret, algorithm="HS256")


def claims(user: str, name: str, role: str, ttl_s: int) -> dict[str, Any]:
    """What the token says: who (`id`, `name`, `role`, `email`), from when to when (Unix seconds), and its own id."""
    now = int(time.time())
    return {
        "id": user,
        "name": name,
        "role": role,
        "email": f"{user}@localhost",
        "iat": now,
        "exp": now + ttl_s,
        "jti": secrets.token_hex(16),
    }
