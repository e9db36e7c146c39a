"""`python -m cli`: the command line without its script, which may not be on the path."""

from cli.app import main

main()
