"""`python -m retroprop` is the command line."""

from retroprop.cli import main

main()
