"""`python -m earthline.command_line`: the command line without its script, which may not be on the path."""

from earthline.command_line.app import main

main()
