"""`earthline run`: from a config to a map."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from earthline.command_line import target
from earthline.command_line.following import follow
from earthline.command_line.options import ConfigPath, Overrides

if TYPE_CHECKING:  # loading pydantic would slow `--help`
    from earthline.config import Config


def run(
    config: ConfigPath,
    overrides: Overrides = None,
    cancel_on_exit: Annotated[
        bool, typer.Option("--cancel-on-exit", help="Ctrl-C ends the run instead of leaving it to itself.")
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Take unchanged steps from earlier runs, or run all anew.")
    ] = True,
    detach: Annotated[bool, typer.Option("--detach", help="Submit, and return without following.")] = False,
    seed_data: Annotated[
        bool, typer.Option("--seed-data/--no-seed-data", help="Bring the sandbox the open data that it lacks.")
    ] = True,
) -> None:
    """Run a workflow: compile, submit, follow, and fetch the map."""
    from earthline.config import load

    settings = load(config, overrides or ())
    target.enter(settings.environment)
    console = Console()

    from earthline import imagery

    environment = settings.environment
    imagery.initialize(environment.project)
    if seed_data and environment.target == "sandbox":
        _seed(settings, console)
    imagery.verify(settings.data)

    from pipelines import records, submission
    from pipelines.compilation import compile_workflow
    from pipelines.following import Run

    template = compile_workflow(settings)
    job_id = submission.submit(settings, template, caching=cache)
    record = records.Record(
        job_id=job_id,
        workflow=settings.name,
        target=environment.target,
        project=environment.project,
        location=environment.location,
        created=datetime.now(UTC),
        state="PENDING",
    )
    record.write()
    (record.folder / "pipeline.yaml").write_bytes(template)
    console.print(f"run {job_id}", highlight=False)
    submitted = Run(environment.project, environment.location, job_id)
    if environment.target == "cloud":
        console.print(submitted.console, soft_wrap=True, highlight=False)
    if detach:
        console.print(f"follow it with `earthline runs follow {job_id}`", soft_wrap=True, highlight=False)
        return
    raise typer.Exit(follow(submitted, record, console, cancel_on_exit=cancel_on_exit))


def _seed(settings: "Config", console: Console) -> None:
    """Brings the open data that the sandbox knows, where an asset of the config is not there yet."""
    import ee

    for asset in (settings.data.imagery.asset, settings.data.labels.asset):
        try:
            ee.data.getAsset(asset)
        except ee.EEException:
            console.print("bringing open data into the sandbox (once)", highlight=False)
            target.control_sandbox(["seed"])
            return
