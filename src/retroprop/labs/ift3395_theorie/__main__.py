"""The sheet from the command line; see `retroprop theory --help`."""

import sys

from retroprop.cli import main

if __name__ == "__main__":
    main(["theory", *sys.argv[1:]])
