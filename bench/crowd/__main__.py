"""`python -m bench.crowd`: a crowd that obeys its parent."""

import uvloop

from bench.crowd.crowd import Crowd
from bench.remote import obey

if __name__ == "__main__":
    uvloop.run(obey(Crowd().commands))
