"""The pages' parts that need neither a browser nor a server have their tests in JavaScript."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from app.demo import guest
from tests.support.js import node_binary
from tests.support.nodes import ROOT

PAGES = ROOT / "web" / "pages"
NAMES = ("Ann", "  Ann  Lee ", "a/b", "ÅSA", "Ann\u00a0Lee", "ﬁne", "ΟΔΟΣ", "李 四", "-", "🦊")


def test_the_parts_of_the_pages_that_need_no_server() -> None:
    if not (PAGES / "node_modules").is_dir():
        pytest.fail("the packages of web/pages are not installed: `make test` does it")
    guests = {name: who.id for name in NAMES if (who := guest(name)) is not None}
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    typed = ["--experimental-transform-types", "--no-warnings", "--import", "./test/sources.mjs"]
    run = subprocess.run(
        [node_binary(), *typed, "--test", *sorted(map(str, (PAGES / "test").glob("*.test.mjs")))],
        cwd=PAGES,
        env=env | {"GUESTS": json.dumps(guests)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
