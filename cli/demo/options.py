"""What the demo is asked to do."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_RATE = 220.0
DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class Options:
    """documents: a folder of text files; None: the project's own. rate: events per second, of all documents together.
    seed: of everything that is left to chance. as_json: print the result for programs.
    """

    documents: Path | None = None
    rate: float = DEFAULT_RATE
    seed: int = DEFAULT_SEED
    as_json: bool = False
