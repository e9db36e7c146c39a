"""`earthline run`: from a config to a map."""

from functools import partial
from typing import Annotated

import typer

from cli.launch import target
from cli.launch.preparation import prepare
from cli.launch.submission import find_run, submit_recorded, tell_how_to_follow
from cli.terminal import display
from cli.terminal.options import Cache, ConfigPath, Overrides, SeedData
from cli.terminal.progress import follow


def run(
    config: ConfigPath,
    overrides: Overrides = None,
    cancel_on_exit: Annotated[
        bool, typer.Option("--cancel-on-exit", help="Ctrl-C ends the run instead of leaving it to itself.")
    ] = False,
    cache: Cache = True,
    detach: Annotated[bool, typer.Option("--detach", help="Submit, and return without following.")] = False,
    seed_data: SeedData = True,
    containers: Annotated[
        bool,
        typer.Option("--containers", help="The sandbox runs steps and endpoint as containers on a Docker engine."),
    ] = False,
) -> None:
    """Run a workflow: compile, submit, follow, and fetch the map."""
    from earthline.config import as_written, load

    settings, text = load(config, overrides or ()), as_written(config, overrides or ())
    target.enter(settings.environment, containers=containers)
    console = display.on_output()
    template = prepare(settings, console, seed_data=seed_data)

    from pipelines import submission

    # Somebody waits for a map: nothing new is no reason to keep it back, and steps of earlier runs cost no time.
    send = partial(submission.submit, settings, template, caching=cache, force=True)
    record = submit_recorded(settings.environment, settings.name, console, send, template, text)
    submitted = find_run(settings.environment, record, console)
    if detach:
        tell_how_to_follow(record, console)
        return
    raise typer.Exit(follow(submitted, record, console, cancel_on_exit=cancel_on_exit))
