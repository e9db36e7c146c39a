"""The command line, `earthline`. Nothing heavy is imported before a command needs it: `--help` is instant."""
