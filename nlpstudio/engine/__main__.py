"""The engine's command line: `python -m nlpstudio.engine COMMAND …`."""

from __future__ import annotations

import sys

from nlpstudio.engine.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
