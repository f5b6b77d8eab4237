"""Which commands a program may send to the log's server: read from the code that it imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import redis

ROOT = Path(__file__).resolve().parents[2]
SPEAKERS = ("streams", "registry")
"""The packages that may talk to the server; a test of the house's rules says that no other does."""

GREETING = {"client|setinfo", "ping", "select"}
"""What the client library sends of itself. HELLO and AUTH nobody can be denied."""

_SPOKEN_TO = re.compile(r"(?:client|pipe)$")
_OTHER_NAMES = {
    "delete": {"del"},
    "execute": {"exec"},
    "execute_command": set(),  # its command is spelt beside it
    "pipeline": {"multi", "exec"},
    "pubsub": {"subscribe", "unsubscribe"},
    "register_script": {"script|load", "evalsha"},
}
_CONTAINERS = ("client", "memory", "xgroup", "xinfo")
_COMMANDS = {name for name in dir(redis.Redis) if not name.startswith("_")}


def commands_of(*modules: str) -> set[str]:
    """The commands, as in ACL rules (`xgroup|create`), that whatever these modules import may send."""
    found = set(GREETING)
    for path in _reached(modules):
        if path.relative_to(ROOT).parts[0] in SPEAKERS:
            found |= _in_module(path)
    return found


def _reached(modules: Iterable[str]) -> set[Path]:
    waiting, reached = list(modules), set[Path]()
    while waiting:
        path = _file(waiting.pop())
        if path is not None and path not in reached:
            reached.add(path)
            waiting += _imports(path)
    return reached


def _file(module: str) -> Path | None:
    place = ROOT / module.replace(".", "/")
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.exists()), None)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _imports(path: Path) -> Iterator[str]:
    for part in ast.walk(_tree(path)):
        if isinstance(part, ast.Import):
            yield from (name.name for name in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module:
            yield part.module
            yield from (f"{part.module}.{name.name}" for name in part.names)


def _in_module(path: Path) -> set[str]:
    """Methods that it calls on a client, commands that it spells, and those of the scripts that it names."""
    found = set[str]()
    for part in ast.walk(_tree(path)):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            found |= _method(part.func)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
            found |= _spelt(part.value.decode() if isinstance(part.value, bytes) else part.value)
    return found


def _method(called: ast.Attribute) -> set[str]:
    spoken_to = called.value.attr if isinstance(called.value, ast.Attribute) else getattr(called.value, "id", "")
    if called.attr not in _COMMANDS or not _SPOKEN_TO.search(spoken_to):
        return set()
    container, _, command = called.attr.partition("_")
    if container in _CONTAINERS:
        return {f"{container}|{command}"}
    return _OTHER_NAMES.get(called.attr, {called.attr})


def _spelt(text: str) -> set[str]:
    script = ROOT / "streams" / "lua" / f"{text}.lua"
    if text.isidentifier() and script.exists():
        return _in_lua(script.read_text("utf-8"))
    if "redis.call" in text:
        return _in_lua(text)
    return {text.lower()} if text.isupper() and text.lower() in _COMMANDS else set()


def _in_lua(text: str) -> set[str]:
    calls = re.findall(r"""redis\.p?call\(\s*['"](\w+)['"](?:,\s*['"](\w+)['"])?""", text)
    return {f"{name}|{word}".lower() if name.lower() in _CONTAINERS and word else name.lower() for name, word in calls}
