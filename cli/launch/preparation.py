"""What must be right before a run starts: records, bucket, data, and the compiled pipeline."""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from cli.launch import target

if TYPE_CHECKING:  # the module loads pydantic
    from earthline.config import Config, Environment


def prepare(settings: "Config", console: Console, *, seed_data: bool) -> bytes:
    """Makes sure that a run can work, and compiles it; `target.enter` comes first.

    Args:
        settings: The workflow's config.
        console: Where to write.
        seed_data: Whether the sandbox is brought the open data that it lacks.

    Returns:
        The compiled pipeline.

    Raises:
        RecordError: Records and results of runs cannot be written here.
        TargetError: The bucket is not there.
        ImageryError: The config names something that Earth Engine does not have.
        SplitError: Patches or blocks do not fit into the region.
        ConfigError: Examples that exist already are not there, or are not what the config says.
        AssetError: The map would be written over something else.
        BudgetError: The run would cost more than `budget` allows.
        PixelsError: Earth Engine does not answer.
    """
    from cli.launch.questions import questions
    from pipelines.runs import records

    records.require_writable()
    _require_bucket(settings.environment)
    bring_data(settings, console, seed_data=seed_data)
    for question in questions(settings):
        question.ask()
    require_within_budget(settings, console)

    from pipelines.compilation import compile_workflow

    return compile_workflow(settings)


def require_within_budget(settings: "Config", console: Console, *, export_alone: bool = False) -> None:
    """Makes sure that a run keeps within the config's budget, and says what may exceed it; `target.enter` comes first.

    Args:
        settings: The workflow's config.
        console: Where to write.
        export_alone: Whether examples are exported, and nothing else is done.

    Raises:
        BudgetError: The run takes more.
        PixelsError: Earth Engine does not answer.
    """
    if not settings.budget.is_set:
        return
    from earthline.earth_engine import connection
    from pipelines.cost import budget

    connection.connect(settings.environment.project)
    with console.status("comparing the run with its budget"):
        uncertain = budget.require(settings, export_alone=export_alone)
    for text in uncertain:
        console.print(text, soft_wrap=True, highlight=False, markup=False)


def bring_data(settings: "Config", console: Console, *, seed_data: bool, notes: bool = True) -> None:
    """Brings into Earth Engine what the config names and Earth Engine lacks; `target.enter` comes first.

    Args:
        settings: The workflow's config.
        console: Where to write.
        seed_data: Whether the sandbox is brought the open data that it lacks.
        notes: Whether to tell what a file held besides labels.

    Raises:
        ImageryError: Labels cannot be uploaded.
        PixelsError: Earth Engine does not answer.
    """
    from earthline.earth_engine import connection

    connection.connect(settings.environment.project)
    if seed_data and settings.environment.target == "sandbox":
        _seed(settings, console)
    _upload_labels(settings, console, notes=notes)


def _require_bucket(environment: "Environment") -> None:
    """Every step writes into the bucket: the first one would fail without it."""
    from google.api_core.exceptions import Forbidden
    from google.cloud import storage

    with suppress(Forbidden):  # who may not look at a bucket may have steps that write into it
        if not storage.Client(project=environment.project).bucket(environment.bucket).exists():
            raise target.TargetError(
                f"environment.bucket: gs://{environment.bucket} is not there; `gcloud storage buckets create "
                f"gs://{environment.bucket} --location={environment.location} --project={environment.project}` makes it"
            )


def _upload_labels(settings: "Config", console: Console, *, notes: bool) -> None:
    """Makes a table of labels that are a file too large to travel with the config."""
    from earthline.config import VectorLabels
    from earthline.earth_engine import label_upload

    environment, labels = settings.environment, settings.data.labels
    if isinstance(labels, VectorLabels):
        tell = partial(console.print, soft_wrap=True, highlight=False, markup=False)
        for note in labels.notes if notes else ():
            tell(f"labels: {note}")
        label_upload.ensure(labels, environment.bucket, environment.project, tell)


def _seed(settings: "Config", console: Console) -> None:
    """Brings the open data that the sandbox knows, where an asset of the config is not there yet."""
    import ee

    from earthline.config import VectorLabels

    labels = settings.data.labels
    ours = isinstance(labels, VectorLabels) and labels.held is not None
    for asset in (*settings.data.imagery.assets, *([] if ours or not labels.asset else [labels.asset])):
        try:
            ee.data.getAsset(asset)
        except ee.EEException:
            console.print("bringing open data into the sandbox (once)", highlight=False)
            target.control_sandbox(["seed"])
            return
