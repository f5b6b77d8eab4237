"""`roomlog bench`: the project's benchmark, where the project is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cli.errors import CommandError

ROOT = Path(__file__).resolve().parent.parent


def bench(options: Sequence[str], root: Path = ROOT) -> NoReturn:
    """Become the benchmark, with these options, as `make bench` runs it. Raises CommandError where it is not."""
    if not (root / "bench" / "__main__.py").exists():
        raise CommandError("the benchmark is no part of what is installed: run `make bench` in a clone of the project")
    os.chdir(root)
    os.execv(sys.executable, [sys.executable, "-m", "bench", *options])
