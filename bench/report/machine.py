"""The machine and the versions: figures mean nothing without them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata

from bench import kernel
from bench.remote import ROOT
from bench.servers import Postgres, valkey_binary
from bench.targets.peers import node_binary

PACKAGES = (
    "uvicorn",
    "uvloop",
    "httptools",
    "hiredis",
    "orjson",
    "redis",
    "python-socketio",
    "python-engineio",
    "picows",
    "pycrdt",
)
NODE_PACKAGES = (
    "socket.io",
    "@socket.io/redis-streams-adapter",
    "ioredis",
    "redis",
    "@hocuspocus/server",
    "@hocuspocus/provider",
    "@y/websocket-server",
    "y-websocket",
    "yjs",
)


def machine() -> dict[str, str]:
    """What is measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cpus": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    for line in (kernel.PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def versions(postgres: Postgres) -> dict[str, str]:
    """What is measured: our revision, and the packages of both worlds."""
    found = {"Roomlog": _revision(), "Python": platform.python_version()}
    found |= {name: version for name in PACKAGES if (version := _version(name))}
    found["Valkey"] = _said_by(valkey_binary(), "--version").partition("v=")[2].partition(" ")[0]
    found["PostgreSQL"] = postgres.version()
    found["Node"] = _said_by(node_binary(), "--version")
    modules = ROOT / "bench" / "peers" / "node" / "node_modules"
    for name in NODE_PACKAGES:
        package = modules / name / "package.json"
        if package.exists():
            found[f"{name} (Node)"] = json.loads(package.read_text())["version"]
    return found


def _version(package: str) -> str:
    """Of an installed package; "" when it is not: not every benchmark needs all."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _revision() -> str:
    """The commit, with "-dirty" when something was changed since; the package's version where there is no git."""
    return _said_by("git", "describe", "--always", "--dirty") or metadata.version("roomlog")


def _said_by(*command: str) -> str:
    """What a command prints; "" when it cannot."""
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
