"""`earthline submit`: starts a run and returns."""

from functools import partial

from cli.launch import target
from cli.launch.preparation import prepare
from cli.launch.submission import find_run, submit_recorded, tell_how_to_follow
from cli.terminal import display
from cli.terminal.options import Cache, ConfigPath, Force, Overrides, SeedData


def submit(
    config: ConfigPath,
    overrides: Overrides = None,
    force: Force = False,
    cache: Cache = True,
    seed_data: SeedData = True,
) -> None:
    """Start a run that retrains if there is reason to, and return."""
    from earthline.config import as_written, load

    settings, text = load(config, overrides or ()), as_written(config, overrides or ())
    target.enter(settings.environment)
    console = display.on_output()
    template = prepare(settings, console, seed_data=seed_data)

    from pipelines import submission

    record = submit_recorded(
        settings.environment,
        settings.name,
        console,
        partial(submission.submit, settings, template, caching=cache, force=force),
        template,
        text,
    )
    find_run(settings.environment, record, console)
    tell_how_to_follow(record, console)
