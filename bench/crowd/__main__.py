"""`python -m bench.crowd`: a crowd that obeys its parent."""

import gc

import uvloop

from bench.crowd.crowd import Crowd
from bench.remote import obey

if __name__ == "__main__":
    gc.disable()  # its pauses would be counted as latency; a crowd makes next to no cycles
    uvloop.run(obey(Crowd().commands))
