"""`earthline schedule`: when a workflow runs again by itself; one schedule per workflow."""

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.launch import target
from cli.launch.preparation import prepare, require_within_budget
from cli.launch.submission import find_run, submit_recorded, tell_how_to_follow
from cli.terminal import display
from cli.terminal.options import Cache, ConfigPath, Force, Overrides, SeedData

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from earthline.config import Config, Environment
    from pipelines.schedules.schedules import Plan, Schedules
    from pipelines.schedules.summary import Summary

schedule = typer.Typer(
    name="schedule", help="Let a workflow run again by itself: one schedule per workflow.", no_args_is_help=True
)


@schedule.command("create")
def create(
    config: ConfigPath,
    overrides: Overrides = None,
    cache: Cache = True,
    seed_data: SeedData = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
) -> None:
    """Create the workflow's schedule, or bring it up to date; shows first what changes."""
    settings, console = _enter(config, overrides)
    template = prepare(settings, console, seed_data=seed_data)
    schedules = _open(settings.environment)
    plan = schedules.plan(settings, template, caching=cache)
    _tell_plan(plan, console)
    if dry_run:
        return
    made = schedules.apply(plan)
    verb = "created" if plan.current is None else "updated" if plan.differences else "unchanged"
    console.print(f"schedule of {made.workflow} {verb}; {_next(made)}", soft_wrap=True, highlight=False)
    if settings.environment.target == "cloud":
        console.print(made.console, soft_wrap=True, highlight=False)


@schedule.command("list")
def list_schedules(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="CONFIG", help="Config whose environment to look in; left out, the newest run's."),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """List the schedules of a project and location; those of the config's workflow come first."""
    from earthline.config import load

    settings = load(config, overrides or ()) if config is not None else None
    environment = settings.environment if settings is not None else target.environment_of(None)
    target.enter(environment)
    found, console = _open(environment).every(), display.on_output()
    drawn = Table(box=None, pad_edge=False)
    for column in ("workflow", "state", "cron", "next run", "runs", "last run"):
        drawn.add_column(column, no_wrap=True)
    for each in sorted(found, key=lambda one: settings is not None and one.workflow != settings.name):
        last = f"{_local(each.last_run)} {each.last_response}" if each.last_run else ""
        state = each.state.lower()
        drawn.add_row(each.workflow, state, each.cron, _local(each.next_run), str(each.started), last)
    if found:
        display.print_whole(drawn, console)
    else:
        console.print("no workflow has a schedule here", highlight=False)


@schedule.command("pause")
def pause(config: ConfigPath, overrides: Overrides = None) -> None:
    """Start no run until the schedule is resumed."""
    settings, console = _enter(config, overrides)
    made = _open(settings.environment).pause(settings.name)
    console.print(f"schedule of {made.workflow} paused", highlight=False)


@schedule.command("resume")
def resume(
    config: ConfigPath,
    overrides: Overrides = None,
    catch_up: Annotated[bool, typer.Option("--catch-up", help="Make up for the runs that were missed.")] = False,
) -> None:
    """Start runs again."""
    settings, console = _enter(config, overrides)
    made = _open(settings.environment).resume(settings.name, catch_up=catch_up)
    console.print(f"schedule of {made.workflow} resumed; {_next(made)}", soft_wrap=True, highlight=False)


@schedule.command("run-now")
def run_now(config: ConfigPath, overrides: Overrides = None, force: Force = False) -> None:
    """Start now what the schedule would start when it is due."""
    from pipelines.runs import records

    settings, console = _enter(config, overrides)
    records.require_writable()
    require_within_budget(settings, console)
    send = partial(_open(settings.environment).run_now, settings.name, force=force)
    record = submit_recorded(settings.environment, settings.name, console, send)
    find_run(settings.environment, record, console)
    tell_how_to_follow(record, console)


@schedule.command("delete")
def delete(config: ConfigPath, overrides: Overrides = None) -> None:
    """Delete the workflow's schedule; its runs stay."""
    settings, console = _enter(config, overrides)
    count = _open(settings.environment).delete(settings.name)
    console.print(f"schedule of {settings.name} deleted" + (f" ({count} of them)" if count > 1 else ""))


def _enter(config: Path, overrides: list[str] | None) -> tuple["Config", Console]:
    from earthline.config import load

    settings = load(config, overrides or ())
    target.enter(settings.environment)
    return settings, display.on_output()


def _open(environment: "Environment") -> "Schedules":
    from pipelines.schedules.schedules import Schedules

    return Schedules(environment.project, environment.location)


def _tell_plan(plan: "Plan", console: Console) -> None:
    if plan.current is None:
        console.print(f"a new schedule: {plan.wanted.cron}", soft_wrap=True, highlight=False, markup=False)
    for each in plan.differences if plan.current is not None else ():
        before, after = each.before or "(none)", each.after or "(none)"
        console.print(f"  {each.key}: {before} -> {after}", soft_wrap=True, highlight=False, markup=False)
    if plan.surplus:
        console.print(f"  {len(plan.surplus)} further schedule(s) of this workflow will be deleted", highlight=False)


def _next(made: "Summary") -> str:
    if made.state == "PAUSED":
        return "it is paused: `earthline schedule resume` lets it run"
    return f"next run {_local(made.next_run)}" if made.next_run else "no further run is planned"


def _local(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %Z") if moment else ""
