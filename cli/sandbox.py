"""`earthline sandbox`: Google on this machine, in processes of its own."""

import subprocess
from typing import Annotated

import typer

from cli.launch import target


def sandbox(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="start|stop|status|env|reset|seed|add ...", help="What to do; --help tells more."),
    ] = None,
) -> None:
    """Control Google on this machine: start, stop, status, env, reset, seed, add."""
    target.require_sandbox()
    # Its output passes untouched, for `eval "$(earthline sandbox env)"`.
    command = [*target.SANDBOX, *(arguments or ["--help"])]
    raise typer.Exit(subprocess.run(command, env=target.sandbox_environment(), check=False).returncode)
