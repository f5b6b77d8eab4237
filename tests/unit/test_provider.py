"""The provider's parts that need no server have their tests in JavaScript."""

from __future__ import annotations

import os
import subprocess

from tests.support.js import node_binary
from tests.support.nodes import ROOT


def test_the_parts_of_the_provider_that_need_no_server() -> None:
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    run = subprocess.run(
        [node_binary(), "--test", "test/pure.test.mjs"],
        cwd=ROOT / "web" / "provider",
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
