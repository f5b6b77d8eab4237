"""`python -m bench.publisher`: a publisher that obeys its parent."""

import uvloop

from bench.publisher.publisher import Publisher
from bench.remote import obey

if __name__ == "__main__":
    uvloop.run(obey(Publisher().commands))
