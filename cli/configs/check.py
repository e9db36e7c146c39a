"""`earthline check`: what can be known before anything runs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from cli.launch import target
from cli.terminal import display, failures, findings
from cli.terminal.options import ConfigPath, Overrides

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from earthline.config import Config
    from earthline.finding import Finding


def check(
    config: ConfigPath,
    overrides: Overrides = None,
    online: Annotated[
        bool | None,
        typer.Option("--online/--offline", help="Ask the environment too; left out, only where it can be reached."),
    ] = None,
) -> None:
    """Check a config, and the environment that it names."""
    from earthline.config import load

    settings = load(config, overrides or ())
    reachable = target.is_reachable(settings.environment) if online is None else online
    skipped = "skipped: --offline" if online is False else _why_skipped(settings)
    if reachable:
        target.enter(settings.environment)
    console = display.on_output()
    failed = False
    for finding in _findings(settings, reachable, skipped):
        findings.show(finding, console)
        failed = failed or finding.passed is False
    raise typer.Exit(failures.NOT_STARTED if failed else 0)


def _findings(settings: "Config", reachable: bool, skipped: str) -> "Iterator[Finding]":
    from earthline.finding import Finding
    from pipelines.checks.findings import of_config
    from pipelines.checks.images import ImageError, ImageReference
    from pipelines.checks.labels import of_labels
    from pipelines.checks.region import of_region
    from pipelines.compilation import SpecificationError, compile_workflow, verify

    environment, data = settings.environment, settings.data
    yield Finding("config", True, f"workflow {settings.name}, {data.labels.summary}")
    yield Finding("model", True, _model(settings))
    yield from _packages(settings)
    yield from of_labels(settings)
    yield from of_region(settings)
    yield Finding("tiles for the endpoint", True, _tiles(settings))
    yield Finding("answer of the endpoint", True, settings.answers.told(settings.serving.outputs))
    try:
        template = compile_workflow(settings)
        steps = verify(template, environment.image)
        yield Finding("pipeline", True, f"compiles to {len(template):,} bytes of KFP YAML, {steps} steps")
    except SpecificationError as error:
        yield Finding("pipeline", False, str(error))
    try:
        ImageReference.parse(environment.image)
        yield Finding("image", True, environment.image)
        yield from of_config(settings)
    except ImageError as error:
        yield Finding("image", False, str(error))
    if settings.schedule.cron is not None:
        yield Finding("schedule", True, f"due at {settings.schedule.cron}; `earthline schedule create` sets it up")
    if settings.budget.is_set:
        limits = settings.budget.model_dump(exclude_none=True, exclude={"earth_engine"})
        said = ", ".join(f"{key} {limit:,g}" for key, limit in limits.items())
        yield Finding("budget", True, f"{said}; `earthline plan` compares a run with it")
    services: tuple[tuple[str, Callable[[Config], str], str], ...] = (
        (
            "bucket",
            _check_bucket,
            f"gcloud storage buckets create gs://{environment.bucket} "
            f"--location={environment.location} --project={environment.project}",
        ),
        (
            "Vertex AI",
            _check_vertex,
            f"gcloud services enable aiplatform.googleapis.com --project={environment.project}",
        ),
    )
    if not reachable:
        yield from _local_examples(settings)
        project = ("project and its accounts",) if environment.target == "cloud" else ()
        for name in ("Earth Engine", *(name for name, _, _ in services), *project):
            yield Finding(name, None, skipped)
        return
    # Services are asked while Earth Engine computes; its own questions build on each other.
    with ThreadPoolExecutor(len(services)) as pool:
        asked = [pool.submit(findings.ask, name, partial(ask, settings), fix) for name, ask, fix in services]
        yield from findings.of_earth_engine(settings)
        yield from (one.result() for one in asked)
    if environment.target == "cloud":
        # A project's APIs, roles and quotas: the sandbox is one project that may do everything.
        yield from _ask_cloud(settings)


def _packages(settings: "Config") -> "Iterator[Finding]":
    """Packages of the user's own models: the training would find out after the export."""
    from earthline.finding import Finding

    missing = {module.partition(".")[0] for module in settings.train.model.modules}
    for package in sorted(name for name in missing if find_spec(name) is None):
        where = (
            "for the Python that starts the sandbox, or in environment.image where steps run in containers"
            if settings.environment.target == "sandbox"
            else "in the images of the training and of the other steps"
        )
        yield Finding(
            "model's package",
            None,
            f"{package} of train.model is not installed here, so it cannot be tried; install it {where}",
        )


def _model(settings: "Config") -> str:
    model = settings.train.model
    return f"{model.name}: stride {model.stride}, receptive field {model.receptive_field} px"


def _tiles(settings: "Config") -> str:
    from earthline import tile_plan

    plan, limit = settings.tile_plan, settings.serving.payload_limit
    seams = "" if not any(tile_plan.problems(plan, settings.sight)) else "; their edges may show (serving.seams)"
    return (
        f"{plan.summary}; request of up to {settings.payload_bytes:,} and answer of up to {settings.response_bytes:,} "
        f"of {limit:,} bytes{seams}"
    )


def _local_examples(settings: "Config") -> "Iterator[Finding]":
    """Looks at examples that are files of this machine, all of them."""
    examples = settings.data.examples
    if examples is None or any(name not in examples.local for names in examples.patterns.values() for name in names):
        return
    from cli.launch.questions import of_examples

    question = of_examples(settings)
    yield findings.ask(question.name, question.ask, "")


def _ask_cloud(settings: "Config") -> "Iterator[Finding]":
    from google.auth.exceptions import GoogleAuthError

    from earthline.finding import Finding
    from pipelines.checks.preflight import Preflight

    try:
        yield from Preflight(settings).findings()
    except GoogleAuthError as error:
        yield Finding("project", False, " ".join(str(error).split()), "gcloud auth application-default login")


def _check_bucket(settings: "Config") -> str:
    from google.cloud import storage

    environment = settings.environment
    if storage.Client(project=environment.project).bucket(environment.bucket).exists():
        return f"gs://{environment.bucket} is there"
    raise LookupError(f"gs://{environment.bucket} is not there")


def _check_vertex(settings: "Config") -> str:
    from earthline.vertex.connection import connect
    from pipelines import submission

    environment = settings.environment
    connect(environment.project, environment.location)
    active = submission.active_run(settings.name)
    return f"answers in {environment.location}; " + (f"running: {active}" if active else "no run is under way")


def _why_skipped(settings: "Config") -> str:
    if settings.environment.target == "sandbox":
        if not target.sandbox_is_installed():
            return "skipped: the sandbox is not installed; `pip install 'earthline[sandbox]'` brings it"
        return "skipped: the sandbox does not run; --online starts it"
    return "skipped: no credentials here; `gcloud auth application-default login`, or --online"
