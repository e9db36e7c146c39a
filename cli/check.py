"""`earthline check`: what can be known before anything runs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.launch import target
from cli.terminal import display, failures
from cli.terminal.options import ConfigPath, Overrides

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from earthline.config import Config
    from pipelines.checks.findings import Finding

_ADD = "`earthline sandbox add ASSET FILE.tif` makes an asset of your raster, `earthline sandbox seed` brings open data"


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
    reachable = _is_reachable(settings) if online is None else online
    skipped = "skipped: --offline" if online is False else _why_skipped(settings)
    if reachable:
        target.enter(settings.environment)
    console = display.on_output()
    failed = False
    for finding in _findings(settings, reachable, skipped):
        mark = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "[dim]-[/]"}[finding.passed]
        detail = finding.detail.replace("\n", f"\n{'':<25}")
        console.print(f"{mark} {finding.name:<22} {escape(detail)}", soft_wrap=True, highlight=False)
        if finding.fix:
            console.print(f"  {'fix:':<22} {escape(finding.fix)}", soft_wrap=True, highlight=False)
        failed = failed or finding.passed is False
    raise typer.Exit(failures.NOT_STARTED if failed else 0)


def _findings(settings: "Config", reachable: bool, skipped: str) -> "Iterator[Finding]":
    from pipelines.checks import findings
    from pipelines.checks.findings import Finding
    from pipelines.checks.images import ImageError, ImageReference
    from pipelines.checks.labels import of_labels
    from pipelines.checks.region import of_region
    from pipelines.compilation import SpecificationError, compile_workflow, verify

    environment, data = settings.environment, settings.data
    yield Finding("config", True, f"workflow {settings.name}, {len(data.labels.classes)} classes")
    yield from of_labels(settings)
    yield from of_region(settings)
    limit = settings.serving.max_payload_bytes
    sizes = f"request of {settings.payload_bytes:,} and answer of {settings.response_bytes:,} of {limit:,} bytes"
    yield Finding("tile for the endpoint", True, f"{sizes}, whichever way overlap is counted")
    template = compile_workflow(settings)
    try:
        steps = verify(template, environment.image)
        yield Finding("pipeline", True, f"compiles to {len(template):,} bytes of KFP YAML, {steps} steps")
    except SpecificationError as error:
        yield Finding("pipeline", False, str(error))
    try:
        ImageReference.parse(environment.image)
        yield Finding("image", True, environment.image)
        yield from findings.of_config(settings)
    except ImageError as error:
        yield Finding("image", False, str(error))
    if settings.schedule.cron is not None:
        yield Finding("schedule", True, f"due at {settings.schedule.cron}; `earthline schedule create` sets it up")
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
        project = ("project and its accounts",) if environment.target == "cloud" else ()
        for name in ("Earth Engine", *(name for name, _, _ in services), *project):
            yield Finding(name, None, skipped)
        return
    # Services are asked while Earth Engine computes; its own questions build on each other.
    with ThreadPoolExecutor(len(services)) as pool:
        asked = [pool.submit(_ask, name, partial(ask, settings), fix) for name, ask, fix in services]
        yield from _ask_earth_engine(settings)
        yield from (one.result() for one in asked)
    if environment.target == "cloud":
        # A project's APIs, roles and quotas: the sandbox is one project that may do everything.
        yield from _ask_cloud(settings)


def _ask_earth_engine(settings: "Config") -> "Iterator[Finding]":
    """Asks whether Earth Engine answers, then all about imagery and labels that does not rest on a failed answer."""
    from cli.launch.questions import NEEDS, questions
    from earthline.earth_engine import connection
    from pipelines.checks.findings import Finding

    project = settings.environment.project

    def connect() -> str:
        connection.connect(project)
        return f"answers to project {project}"

    enable = f"gcloud services enable earthengine.googleapis.com --project={project}"
    found = _ask("Earth Engine", connect, enable)
    yield found
    if not found.passed:
        return
    failed: list[str] = []
    for question in questions(settings):
        missing = [name for name in failed if question.name in NEEDS.get(name, ())]
        if missing:
            yield Finding(question.name, None, f"not asked: it needs {' and '.join(missing)}")
            continue
        found = _ask(question.name, question.ask, "")
        if not found.passed and "not found" in found.detail and settings.environment.target == "sandbox":
            found = replace(found, fix=_ADD)
        yield found
        if not found.passed:
            failed.append(question.name)


def _ask_cloud(settings: "Config") -> "Iterator[Finding]":
    from google.auth.exceptions import GoogleAuthError

    from pipelines.checks.findings import Finding
    from pipelines.checks.preflight import Preflight

    try:
        yield from Preflight(settings).findings()
    except GoogleAuthError as error:
        yield Finding("project", False, " ".join(str(error).split()), "gcloud auth application-default login")


def _ask(name: str, ask: Callable[[], str], fix: str) -> "Finding":
    import ee
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    from components.export_examples.blocks import SplitError
    from earthline.config import ConfigError
    from earthline.earth_engine.imagery import ImageryError
    from earthline.earth_engine.retry import PixelsError
    from pipelines.checks.findings import Finding

    try:
        return Finding(name, True, ask())
    except (ConfigError, ImageryError, PixelsError, SplitError) as error:
        return Finding(name, False, str(error))
    except GoogleAuthError as error:
        return Finding(name, False, str(error), "gcloud auth application-default login")
    except (ee.EEException, GoogleAPIError, RequestException, LookupError) as error:
        return Finding(name, False, failures.plainly(error), fix)


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


def _is_reachable(settings: "Config") -> bool:
    if settings.environment.target == "sandbox":
        return target.sandbox_runs()
    from pipelines.checks.credentials import has_credentials

    return has_credentials()


def _why_skipped(settings: "Config") -> str:
    if settings.environment.target == "sandbox":
        if not target.sandbox_is_installed():
            return "skipped: the sandbox is not installed; `pip install 'earthline[sandbox]'` brings it"
        return "skipped: the sandbox does not run; --online starts it"
    return "skipped: no credentials here; `gcloud auth application-default login`, or --online"
