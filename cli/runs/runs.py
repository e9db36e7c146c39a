"""`earthline runs`: what ran, what runs, and how to go on with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.launch import target
from cli.terminal import display
from cli.terminal.options import ConfigOption, JobId
from cli.terminal.outcome import conclude, save_log
from cli.terminal.progress import follow

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from rich.console import Console

    from earthline.config import Environment
    from pipelines.runs.records import Record
    from pipelines.runs.run import Run
    from pipelines.runs.snapshots import Snapshot, Step

runs = typer.Typer(name="runs", help="List, show, follow, cancel runs, and read their logs.", no_args_is_help=True)


@runs.command("list")
def list_runs(
    config: ConfigOption = None,
    workflow: Annotated[str | None, typer.Option("--workflow", help="Only runs of this workflow.")] = None,
) -> None:
    """List runs, newest first, and what became of their models."""
    environment = target.environment_of(config)
    target.enter(environment)
    from pipelines.runs.run import list_runs as listed

    drawn = Table(box=None, pad_edge=False)
    for column in ("id", "workflow", "state", "outcome", "created", "by"):
        drawn.add_column(column, no_wrap=True)
    known = listed(environment.project, environment.location, workflow)
    rows = [
        (each.created, each.job_id, each.workflow, each.state, each.outcome, "schedule" if each.scheduled else "hand")
        for each in known
    ]
    rows += [
        (each.created, each.job_id, each.workflow, "LOST", "", "hand")
        for each in _unsubmitted(environment)
        if each.job_id not in {job.job_id for job in known} and workflow in (None, each.workflow)
    ]
    for created, job_id, name, state, outcome, by in sorted(rows, key=lambda row: row[0], reverse=True):
        moment = created.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        drawn.add_row(job_id, name, display.styled(state), outcome, moment, by)
    display.print_whole(drawn, display.on_output())


@runs.command("show")
def show_run(job_id: JobId, config: ConfigOption = None) -> None:
    """Show a run's steps and results, and whether its model serves now."""
    run, record = _find(job_id, config)
    console = display.on_output()
    snapshot = run.read()
    console.print(f"run {snapshot.job_id}: {display.word(snapshot.state)}", highlight=False)
    console.print(display.table(snapshot))
    if snapshot.ended:
        conclude(run, record, snapshot, console)
        _tell_service(snapshot, console)


@runs.command("follow")
def follow_run(
    job_id: JobId,
    config: ConfigOption = None,
    cancel_on_exit: Annotated[bool, typer.Option("--cancel-on-exit", help="Ctrl-C ends the run.")] = False,
) -> None:
    """Watch a run to its end and fetch its results."""
    run, record = _find(job_id, config)
    raise typer.Exit(follow(run, record, display.on_output(), cancel_on_exit=cancel_on_exit))


@runs.command("cancel")
def cancel_run(job_id: JobId, config: ConfigOption = None) -> None:
    """End a run; finished steps stay in the cache."""
    run, record = _find(job_id, config)
    if run.read().ended:
        typer.echo(f"run {record.job_id} has ended already")
        return
    run.cancel()
    typer.echo(f"run {record.job_id} is being cancelled")


@runs.command("logs")
def show_logs(
    job_id: JobId,
    step: Annotated[str | None, typer.Argument(metavar="STEP", help="Such as train_model; left out, all.")] = None,
    config: ConfigOption = None,
) -> None:
    """Print the logs of a run's steps, and keep them beside its results."""
    run, record = _find(job_id, config)
    for each in _chosen(run, step):
        path, lines = save_log(run, record, each)
        typer.echo(f"==> {each.name} ({path})")
        for line in lines:
            typer.echo(line)


def _chosen(run: "Run", name: str | None) -> list["Step"]:
    steps = run.read().steps
    if name is None:
        return [step for step in steps if step.job_id]
    chosen = [step for step in steps if step.name == name.replace("-", "_")]
    if not chosen:
        known = ", ".join(step.name for step in steps)
        raise typer.BadParameter(f"no step '{name}' in this run; it has {known}", param_hint="STEP")
    return chosen


def _tell_service(snapshot: "Snapshot", console: "Console") -> None:
    from google.api_core.exceptions import GoogleAPIError

    from pipelines.runs import service

    outputs = next((step.outputs for step in snapshot.steps if step.name == "deploy_model"), {})
    try:
        said = service.told(outputs)
    except GoogleAPIError as error:
        said = f"whether its model serves is not known: {' '.join(str(error).split())}"
    if said:
        console.print(escape(said), soft_wrap=True, highlight=False)


def _unsubmitted(environment: "Environment") -> list["Record"]:
    """Records of this folder whose command ended before it knew whether its run was started."""
    from pipelines.runs import records

    where = (environment.target, environment.project, environment.location)
    return [
        record
        for record in records.read_all()
        if record.state == records.SUBMITTING and (record.target, record.project, record.location) == where
    ]


def _find(job_id: str, config: Path | None) -> tuple["Run", "Record"]:
    from earthline.config import load
    from pipelines.runs import records

    try:
        record: Record | None = records.read(job_id)
    except records.RecordError:
        # A run that was started elsewhere: the folder's name must be safe all the same.
        records.folder(job_id)
        record = None
    if config is not None:
        environment = load(config).environment
    elif record is not None:
        environment = target.environment_of_run(record)
    else:
        environment = target.environment_of(None)
    target.enter(environment)

    from pipelines.runs.run import Run, UnknownRunError

    try:
        run = Run(environment.project, environment.location, job_id)
    except UnknownRunError as error:
        if record is None or record.state not in (records.SUBMITTING, records.REFUSED):
            raise
        why = "was refused by" if record.state == records.REFUSED else "never arrived at"
        raise UnknownRunError(
            f"run '{job_id}' {why} Vertex AI: nothing runs. Start it again with `earthline run`"
        ) from error
    if record is not None and record.state == records.SUBMITTING:
        record = record.model_copy(update={"state": "PENDING"})
        record.write()
    if record is None:
        snapshot = run.read()
        record = records.Record(
            job_id=job_id,
            workflow=snapshot.workflow,
            target=environment.target,
            project=environment.project,
            location=environment.location,
            created=snapshot.created,
            state=snapshot.state,
        )
    return run, record
