"""Runs a Dockerfile's steps where there is no Docker: every stage is a layer over this machine's own root folder.

    sudo unshare --mount python -m tests.deploy.dockerfile [--env NAME=VALUE] [--healthy] FOLDER [COMMAND]

FOLDER becomes a file system in memory and is gone at the end. There is no base image: Python is this machine's. Then
COMMAND, or the image's own, runs as the image's user; with --healthy until its HEALTHCHECK is content. It cannot
show that the base image has what the steps need.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PASSED_ON = re.compile(r"(?i)pip_|npm_config_|ssl_cert|requests_ca|node_extra|\w+_proxy$")
"""How a build finds its registries; everything else of this machine's environment stays outside."""

HEALTHY_S = 120.0


@dataclass(frozen=True)
class Step:
    """One instruction: its name, its options (`--from=…`), and the rest."""

    name: str
    options: tuple[str, ...]
    rest: str

    def option(self, name: str) -> str | None:
        return next((option.partition("=")[2] for option in self.options if option.startswith(f"--{name}=")), None)


def steps(text: str) -> Iterator[Step]:
    """A Dockerfile's instructions."""
    joined = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    for line in filter(None, joined.splitlines()):
        name, _, rest = line.partition(" ")
        options: list[str] = []
        while name in ("COPY", "RUN") and rest.startswith("--"):
            option, _, rest = rest.partition(" ")
            options.append(option)
        yield Step(name, tuple(options), rest)


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether .dockerignore leaves the file out. Patterns of files' names, anchored, or `**/` anywhere."""
    parts = Path(path).parts
    for pattern in patterns:
        if pattern.startswith("**/"):
            if any(fnmatch.fnmatch(part, pattern[3:]) for part in parts):
                return True
        elif any(fnmatch.fnmatch("/".join(parts[:end]), pattern) for end in range(1, len(parts) + 1)):
            return True
    return False


def context() -> list[str]:
    """The files that a build is given."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    patterns = (ROOT / ".dockerignore").read_text().split()
    files = listed.stdout.splitlines()
    return [file for file in files if (ROOT / file).is_file() and not ignored(file, patterns)]


@dataclass
class Stage:
    """A stage: the layers below it, and its own."""

    folder: Path
    below: list[Path]
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)

    @property
    def top(self) -> Path:
        return self.folder / "top"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def mount(self) -> None:
        for name in ("top", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        lower = ":".join(map(str, [*self.below, "/"]))
        layers = f"lowerdir={lower},upperdir={self.top},workdir={self.folder / 'work'}"
        _system("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        for name in ("proc", "dev", "sys"):
            _system("mount", "--rbind", f"/{name}", str(self.root / name))

        for parent in Path(sys.base_prefix).parents:  # a Python in somebody's home folder: the stage's users need it
            (self.root / parent.relative_to("/")).chmod(0o755)

    def inside(self, path: str) -> Path:
        return self.root / (Path(self.workdir) / path).relative_to("/")

    def run(self, command: list[str]) -> int:
        """Run a command in the stage; returns its exit code."""
        return subprocess.run(self.entering(command)).returncode

    def healthy(self) -> int:
        """Run the stage's own command until its check is content, then stop it; returns the exit code."""
        with subprocess.Popen(self.entering(self.command)) as process:
            deadline = time.monotonic() + HEALTHY_S
            while self.run(self.check) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(1)
            content = self.run(self.check) == 0
            print(f"=== healthy: {content}", flush=True)
            process.terminate()
            return process.wait() if content else 1

    def entering(self, command: list[str]) -> list[str]:
        """The command line for a command in the stage, as its user, with its environment and a clean home folder."""
        python = str(Path(sys.base_prefix) / "bin")
        env = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
        env |= {"HOME": "/home/clean", "PATH": f"{python}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        env |= self.env | {"PATH": self.env.get("PATH", "$PATH").replace("$PATH", env["PATH"])}
        as_user = (
            [] if self.user == "root" else ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        )
        entering = ["chroot", str(self.root), *as_user, "env", "--ignore-environment", f"--chdir={self.workdir}"]
        return [*entering, *(f"{name}={value}" for name, value in env.items()), *command]


class Build:
    """The stages of a Dockerfile, built one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stages: dict[str, Stage] = {}
        self.stage = Stage(folder, [])

    def run(self, text: str) -> Stage:
        """Run all steps; returns the last stage. Raises SystemExit when one fails."""
        for step in steps(text):
            started = time.monotonic()
            print(f"\n=== {step.name} {' '.join((*step.options, step.rest))[:150]}", flush=True)
            getattr(self, f"_{step.name.lower()}")(step)
            print(f"=== {time.monotonic() - started:.1f} s", flush=True)
        return self.stage

    def _from(self, step: Step) -> None:
        base, _, name = step.rest.partition(" AS ")
        below = self._stages.get(base)
        name = name or "final"
        self.stage = Stage(self._folder / name, [below.top, *below.below] if below else [])
        if below:
            self.stage.env, self.stage.workdir = dict(below.env), below.workdir
        self.stage.mount()
        self._stages[name] = self.stage

    def _workdir(self, step: Step) -> None:
        self.stage.workdir = step.rest
        self.stage.inside(".").mkdir(parents=True, exist_ok=True)

    def _copy(self, step: Step) -> None:
        *sources, target = step.rest.split()
        stage = step.option("from")
        for source in sources:
            if stage:
                origin = self._stages[stage].inside(source)
                _system("cp", "-a", "-T", str(origin), str(self.stage.inside(target)))
            else:
                self._copy_context(source, target)

    def _copy_context(self, source: str, target: str) -> None:
        for file in context():
            if source == "." or file == source or file.startswith(f"{source}/"):
                relative = "" if file == source else file if source == "." else file.removeprefix(f"{source}/")
                place = self.stage.inside(target) / (relative or ("" if target != "." else file))
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, place)

    def _run(self, step: Step) -> None:
        mounted = step.option("mount")
        if mounted:
            given = dict(pair.split("=") for pair in mounted.split(","))
            target = self.stage.inside(given["target"])
            target.mkdir(parents=True, exist_ok=True)
            _system("mount", "--bind", str(self._stages[given["from"]].inside(given["source"])), str(target))
        if self.stage.run(["sh", "-c", step.rest]):
            raise SystemExit(f"this step failed: {step}")
        if mounted:
            _system("umount", str(target))

    def _env(self, step: Step) -> None:
        for pair in shlex.split(step.rest):
            name, _, value = pair.partition("=")
            self.stage.env[name] = value

    def _user(self, step: Step) -> None:
        self.stage.user = step.rest

    def _expose(self, step: Step) -> None:
        """Says something to people only."""

    def _healthcheck(self, step: Step) -> None:
        self.stage.check = json.loads(step.rest.partition("CMD ")[2])

    def _cmd(self, step: Step) -> None:
        self.stage.command = json.loads(step.rest)


def _system(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> int:
    """Build into the folder that is named, then run what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--healthy", action="store_true")
    parser.add_argument("folder", type=Path)
    parser.add_argument("command", nargs="*")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    _system("mount", "-t", "tmpfs", "none", str(asked.folder))
    stage = Build(asked.folder.resolve()).run((ROOT / "Dockerfile").read_text())
    _system("du", "-sh", str(stage.top))
    stage.env |= dict(pair.split("=", 1) for pair in asked.env)
    return stage.healthy() if asked.healthy else stage.run(asked.command or stage.command)


if __name__ == "__main__":
    sys.exit(main())
