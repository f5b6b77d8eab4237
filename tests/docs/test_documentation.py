"""Every command of the documentation, run; every link of it, followed."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.nodes import ROOT, SECRET, Api, Fleet

PAGES = sorted({ROOT / "README.md", *(ROOT / "docs").glob("*.md")})
RUNNERS = ("sh", "js", "python")
ELSEWHERE = "elsewhere"
"""A block with this word needs a fresh machine, or servers of the reader's own."""

_FENCE = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words behind that, its text."""

    language: str
    words: tuple[str, ...]
    text: str


def blocks_of(page: Path) -> Iterator[Block]:
    for indent, language, words, text in _FENCE.findall(page.read_text()):
        yield Block(
            language, tuple(words.split()), "".join(line.removeprefix(indent) for line in text.splitlines(True))
        )


def script_of(page: Path) -> str:
    """The page as one script: files are written, commands run in their order, up to the first that fails."""
    lines = ["set -eu"]
    for number, block in enumerate(block for block in blocks_of(page) if runs(block)):
        names = [word.removeprefix("file=") for word in block.words if word.startswith("file=")]
        if names:
            lines.append(f"cat > {names[0]} <<'END_OF_FILE'\n{block.text}END_OF_FILE")
        elif block.language == "sh":
            lines.append(f"echo '--- block {number}'\n{block.text}")
    return "\n".join(lines)


def runs(block: Block) -> bool:
    return block.language in RUNNERS and ELSEWHERE not in block.words


RUNNABLE = [page for page in PAGES if any(runs(block) and block.language == "sh" for block in blocks_of(page))]


def _name(page: Path) -> str:
    return page.name


@pytest.mark.parametrize("page", RUNNABLE, ids=_name)
async def test_the_commands_of_a_page_work(page: Path, fleet: Fleet, tmp_path: Path) -> None:
    one, two = await asyncio.gather(fleet.node(demo="true"), fleet.node(demo="true"))
    fleet.worker()
    api = Api(one.url)
    await api.new_chat()  # whoever reads these pages has been there before
    await api.client.aclose()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name, command in (("python", f"{sys.executable}"), ("roomlog", f"{sys.executable} -m cli.main")):
        tool = tmp_path / ".venv/bin" / name
        tool.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        tool.chmod(0o755)
    (tmp_path / "node_modules").symlink_to(ROOT / "tests/js/node_modules")
    script = script_of(page)
    for named, meant in ((":8080", one.port), (":8081", two.port)):
        script = re.sub(rf"(localhost|127\.0\.0\.1){named}\b", f"127.0.0.1:{meant}", script)
    env = fleet.env() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    ran = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    assert SECRET not in ran.stdout + ran.stderr


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_words_behind_a_language_are_known(page: Path) -> None:
    for block in blocks_of(page):
        for word in block.words:
            assert word == ELSEWHERE or word.startswith("file="), f"{word!r} is not run, and does not say why"


LINKING = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {"node_modules", ".venv", ".data", ".bench", ".git"} & set(path.relative_to(ROOT).parts)
)


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    for target in _LINK.findall(_without_code(page.read_text())):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors_of(file), f"{page.name}: {target}"


@pytest.mark.parametrize(
    "rule", sorted(set(re.findall(r"docs/[\w.-]+\.md#[\w-]+", (ROOT / "deploy/prometheus/alerts.yml").read_text())))
)
def test_runbooks_of_alerts_are_there(rule: str) -> None:
    path, anchor = rule.split("#")
    assert anchor in anchors_of(ROOT / path)


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ +(.+)$", _without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    return _FENCE.sub("", text)
