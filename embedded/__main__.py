"""`python -m embedded FOLDER DESCRIPTOR`: the keeper of a data folder, as `embedded.connect` starts it."""

import sys
from pathlib import Path

from embedded.folder import Folder
from embedded.keeper import main

if __name__ == "__main__":
    sys.exit(main(Folder.prepare(Path(sys.argv[1])), int(sys.argv[2])))
