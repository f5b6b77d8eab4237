"""The rules of deploy/valkey/users.acl: read, and written anew from the code: python -m tests.deploy.rules"""

from __future__ import annotations

import re

from tests.deploy.commands import ROOT, commands_of

FILE = ROOT / "deploy" / "valkey" / "users.acl"
PAGE = ROOT / "docs" / "redis-acl.md"

PROGRAMS = {
    "node": ("app.main", *(f"cli.{path.stem}" for path in (ROOT / "cli").glob("*.py") if path.stem != "main")),
    "worker": ("workers.main",),
    "producer": ("app.producer",),
}
"""What runs under a user's name. `cli.main` itself names every program, the worker too."""


def rules() -> dict[str, list[str]]:
    """What the file says of each user."""
    return {words[1]: words[2:] for words in map(str.split, FILE.read_text().splitlines()) if words[:1] == ["user"]}


def write() -> None:
    """Bring file and page up to date; only the commands change, keys and channels are for a person to say."""
    for user, modules in PROGRAMS.items():
        allowed = " ".join(f"+{command}" for command in sorted(commands_of(*modules)))
        FILE.write_text(re.sub(rf"(?m)^(user {user} .*-@all).*$", rf"\1 {allowed}", FILE.read_text()))
    lines = "\n".join(f"user {user} {' '.join(said)}" for user, said in rules().items())
    PAGE.write_text(re.sub(r"(?ms)^```\nuser .*?^```$", f"```\n{lines}\n```", PAGE.read_text()))


if __name__ == "__main__":
    write()
