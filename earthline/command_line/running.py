"""`earthline run`: from a config to a map."""

from typing import Annotated

import typer

from earthline.command_line import display, target
from earthline.command_line.following import follow
from earthline.command_line.options import Cache, ConfigPath, Overrides, SeedData
from earthline.command_line.submitting import note, prepare, tell


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
    from earthline.config import load

    settings = load(config, overrides or ())
    target.enter(settings.environment, containers=containers)
    console = display.on_output()
    template = prepare(settings, console, seed_data=seed_data)

    from pipelines import submission

    # Somebody waits for a map: nothing new is no reason to keep it back, and steps of earlier runs cost no time.
    job_id = submission.submit(settings, template, caching=cache, force=True)
    submitted, record = note(settings.environment, settings.name, job_id, template)
    tell(settings.environment, submitted, console)
    if detach:
        console.print(f"follow it with `earthline runs follow {job_id}`", soft_wrap=True, highlight=False)
        return
    raise typer.Exit(follow(submitted, record, console, cancel_on_exit=cancel_on_exit))
