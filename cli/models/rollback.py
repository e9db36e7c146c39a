"""`earthline rollback`: the model that served before serves again."""

from typing import Annotated

import typer

from cli.launch import target
from cli.terminal import display
from cli.terminal.options import ConfigPath, Overrides


def rollback(
    config: ConfigPath,
    overrides: Overrides = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="Version to go to; left out, the one that served before."),
    ] = None,
    at_once: Annotated[
        bool,
        typer.Option(
            "--at-once",
            help="Leave real patches out: a version that is still deployed has its traffic in seconds, not minutes.",
        ),
    ] = False,
) -> None:
    """Let the model that served before serve again: endpoint, registry and Earth Engine.

    It first answers, on an endpoint of its own, the patches that it was proven on; else nothing changes.
    Where a canary has a share of the traffic, it is taken back. A second rollback undoes the first.
    """
    from earthline.config import load

    settings = load(config, overrides or ())
    target.enter(settings.environment)
    from pipelines.rollback import roll_back

    console = display.on_output()
    done = roll_back(settings, to, lambda line: console.print(line, soft_wrap=True, highlight=False), at_once=at_once)
    told = f"version {done.version} of {settings.name} serves"
    if done.former:
        told += f" instead of {', '.join(done.former)}"
    console.print(f"{told}; endpoint {done.endpoint}", soft_wrap=True, highlight=False)
    console.print(f"{done.asset} describes it", soft_wrap=True, highlight=False)
    if done.kept:
        console.print(
            f"{done.kept} deployed without traffic, for the way back (serving.keep_previous); replicas cost money",
            soft_wrap=True,
            highlight=False,
        )
