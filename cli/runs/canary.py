"""`earthline canary`: a tiny real run that finds out what a project allows."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.launch import target
from cli.launch.preparation import prepare
from cli.launch.submission import find_run, submit_recorded
from cli.terminal import display, failures
from cli.terminal.options import ConfigPath, Overrides
from cli.terminal.progress import follow

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from earthline.config import Config
    from pipelines.canary.config import Cost
    from pipelines.canary.probes import Answer

RESULT = "canary.json"


def canary(
    config: ConfigPath,
    overrides: Overrides = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Start without asking whether the cost is all right.")
    ] = False,
    minutes: Annotated[int, typer.Option("--minutes", min=5, max=240, help="Minutes after which it is ended.")] = 60,
) -> None:
    """Try a workflow in small: 2 x 2 tiles, one epoch; says what the project allows, and deletes all it made."""
    from earthline.config import load
    from pipelines.canary import cleaning
    from pipelines.canary.config import Cost, in_the_middle, shrunk

    settings = shrunk(load(config, overrides or ()))
    target.enter(settings.environment)
    console = display.on_output()
    _tell(settings, Cost.of(minutes), console)
    if not yes and not typer.confirm("Start it?"):
        raise typer.Exit(failures.NOT_STARTED)
    prepare(settings, console, seed_data=True)
    settings = in_the_middle(settings)
    names = _names(settings)
    try:
        code, answers, folder = _try(settings, names, minutes, console)
    finally:
        console.print("deleting what it made", highlight=False)
        for problem in cleaning.clean(settings, names):
            console.print(f"[bold red]not deleted[/] {escape(problem)}", soft_wrap=True, highlight=False)
    path = folder / RESULT
    path.write_text(json.dumps([asdict(answer) for answer in answers], indent=2) + "\n", encoding="utf-8")
    for answer in answers:
        mark = "[dim]?[/]" if answer.answer is None else "[green]•[/]"
        console.print(f"{mark} {answer.question:<22} {escape(answer.detail)}", soft_wrap=True, highlight=False)
    console.print(f"written to {path}", soft_wrap=True, highlight=False)
    raise typer.Exit(code)


def _names(settings: "Config") -> tuple[str, str, str]:
    """Display names of three endpoints: the workflow's, one whose model answers with shapes, and a dedicated one."""
    return settings.name, f"{settings.name}-shapes", f"{settings.name}-dedicated"


def _tell(settings: "Config", cost: "Cost", console: Console) -> None:
    environment = settings.environment
    where = f"{environment.project}, {environment.location}" if environment.target == "cloud" else "the sandbox: free"
    console.print(
        f"workflow {settings.name} in {where}: 2 x 2 tiles, one epoch, three endpoints with one small machine each.\n"
        "About 15 minutes of work, beside the time that Vertex AI takes to start machines; it is ended after "
        f"{cost.minutes} minutes.\n"
        f"At most {cost.dollars:.2f} US dollars on Google Cloud (list prices of us-central1), and a little of Earth "
        "Engine's quota.\nEndpoints, models, the asset and the run's files are deleted at its end.",
        soft_wrap=True,
        highlight=False,
    )


def _try(settings: "Config", names: Sequence[str], minutes: int, console: Console) -> tuple[int, list["Answer"], Path]:
    """Runs workflow and probes side by side; gives the run's exit code, the answers, and the run's folder."""
    from earthline.earth_engine import imagery
    from earthline.vertex.connection import connect
    from pipelines import submission
    from pipelines.canary import cleaning, probes
    from pipelines.canary.mount import writing
    from pipelines.compilation import compile_workflow

    template = compile_workflow(settings, probes=True)
    environment = settings.environment
    connect(environment.project, environment.location)
    grid = imagery.grid(settings.data)
    send = partial(submission.submit, settings, template, caching=False, force=True)
    record = submit_recorded(environment, settings.name, console, send, template)
    run = find_run(environment, record, console)
    timer = Timer(60 * minutes, cleaning.end, [run])
    timer.daemon = True
    timer.start()
    with ThreadPoolExecutor(2) as pool:
        shared, dedicated = (
            pool.submit(probes.deploy, settings, name, dedicated=name == names[2]) for name in names[1:]
        )
        code = follow(run, record, console, cancel_on_exit=True)
        timer.cancel()
        outcome = run.read().state
        answers = [
            probes.Answer("workflow", code == 0, f"the run ended as {outcome.lower()}"),
            writing(settings, record.job_id),
            *_ask(shared, "endpoint that shows shapes", partial(probes.shared, grid=grid)),
            *_ask(dedicated, "dedicated endpoint", lambda endpoint: [probes.dedicated(endpoint, grid)]),
        ]
    return code, answers, record.folder


def _ask(deployed: "Future[str]", question: str, ask: "Callable[[str], list[Answer]]") -> list["Answer"]:
    from google.api_core.exceptions import GoogleAPIError

    from pipelines.canary.probes import Answer

    try:
        endpoint = deployed.result()
    except (GoogleAPIError, RuntimeError) as error:
        return [Answer(question, None, f"not known: it could not be deployed: {' '.join(str(error).split())}")]
    return ask(endpoint)
