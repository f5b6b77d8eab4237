"""`python -m workers`."""

import argparse
import sys

from workers import __version__
from workers.main import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        "python -m workers",
        description="Fold the log into PostgreSQL until told to stop. Settings come from the environment.",
        epilog="Exit codes: 0 stopped; 1 it failed, and a line says why; 2 a setting or an argument is bad.",
    )
    parser.add_argument("--version", action="version", version=f"roomlog {__version__}")
    parser.parse_args()
    sys.exit(main())
