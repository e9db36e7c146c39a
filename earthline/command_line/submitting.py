"""`earthline submit`: a run that nobody watches; and what every command that starts runs shares."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from earthline.command_line import display, target
from earthline.command_line.options import Cache, ConfigPath, Force, Overrides, SeedData

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from earthline.config import Config, Environment
    from pipelines.following import Run
    from pipelines.records import Record


def submit(
    config: ConfigPath,
    overrides: Overrides = None,
    force: Force = False,
    cache: Cache = True,
    seed_data: SeedData = True,
) -> None:
    """Start a run that retrains if there is reason to, and return."""
    from earthline.config import load

    settings = load(config, overrides or ())
    target.enter(settings.environment)
    console = display.on_output()
    template = prepare(settings, console, seed_data=seed_data)

    from pipelines import submission

    job_id = submission.submit(settings, template, caching=cache, force=force)
    run, _ = note(settings.environment, settings.name, job_id, template)
    tell(settings.environment, run, console)
    console.print(f"follow it with `earthline runs follow {job_id}`", soft_wrap=True, highlight=False)


def prepare(settings: "Config", console: Console, *, seed_data: bool) -> bytes:
    """Makes sure that a run can work, and compiles it; `target.enter` comes first.

    Args:
        settings: The workflow's config.
        console: Where to write.
        seed_data: Whether the sandbox is brought the open data that it lacks.

    Returns:
        The compiled pipeline.

    Raises:
        ImageryError: The config names something that Earth Engine does not have.
    """
    from earthline import imagery

    imagery.initialize(settings.environment.project)
    if seed_data and settings.environment.target == "sandbox":
        _seed(settings, console)
    imagery.verify(settings.data)

    from pipelines.compilation import compile_workflow

    return compile_workflow(settings)


def note(
    environment: "Environment", workflow: str, job_id: str, template: bytes | None = None
) -> tuple["Run", "Record"]:
    """Keeps a record of a run that has just started.

    Args:
        environment: Where it runs.
        workflow: Name of the workflow.
        job_id: Id of the pipeline job.
        template: Its compiled pipeline, kept beside the record where it is at hand.

    Returns:
        The run and its record.
    """
    from pipelines import records
    from pipelines.following import Run

    record = records.Record(
        job_id=job_id,
        workflow=workflow,
        target=environment.target,
        project=environment.project,
        location=environment.location,
        created=datetime.now(UTC),
        state="PENDING",
    )
    record.write()
    if template is not None:
        (record.folder / "pipeline.yaml").write_bytes(template)
    return Run(environment.project, environment.location, job_id), record


def tell(environment: "Environment", run: "Run", console: Console) -> None:
    """Says how a run that has just started is called, and where Google's console shows it.

    Args:
        environment: Where it runs.
        run: The run.
        console: Where to write.
    """
    console.print(f"run {run.job_id}", highlight=False)
    if environment.target == "cloud":
        console.print(run.console, soft_wrap=True, highlight=False)


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
