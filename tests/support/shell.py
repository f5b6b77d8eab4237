"""`roomlog` as a shell runs it: a process of its own, with a fleet's settings."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.support.nodes import ROOT, Fleet

DEADLINE_S = 60.0


@dataclass(frozen=True)
class Shell:
    """Settings that are given with a command are the command's alone."""

    fleet: Fleet

    async def run(self, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        """Its exit code and what it printed."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "cli.main", *arguments],
            env=self.fleet.env(**settings),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    async def says(self, *arguments: str, **settings: Any) -> str:
        """What a command that succeeds prints."""
        done = await self.run(*arguments, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async def lines(self, *arguments: str, **settings: Any) -> list[Any]:
        """What a command that succeeds prints with --json."""
        return [json.loads(line) for line in (await self.says(*arguments, "--json", **settings)).splitlines()]
