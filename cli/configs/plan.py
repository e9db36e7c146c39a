"""`earthline plan`: what a run costs, before anything is started."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.launch import target
from cli.launch.preparation import bring_data
from cli.terminal import costs, display, failures
from cli.terminal.options import ConfigPath, Overrides, SeedData


def plan(
    config: ConfigPath,
    overrides: Overrides = None,
    prices: Annotated[
        Path | None,
        typer.Option("--prices", metavar="FILE", help="Table of prices of your own, which goes before Earthline's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object of JSON instead of the table.")] = False,
    seed_data: SeedData = True,
) -> None:
    """Show what a run takes and costs: requests, data, hours, EECU-hours, dollars."""
    from earthline.config import load
    from pipelines.cost.prices import Prices

    settings = load(config, overrides or ())
    table = Prices.load(settings.environment.location, prices)
    target.enter(settings.environment)
    console = display.on_output()
    said_to = display.on_error() if as_json else console
    bring_data(settings, said_to, seed_data=seed_data)

    from pipelines.cost import budget, estimate

    with said_to.status("planning, and making a few requests"):
        found = estimate.estimate(settings, table)
    checks = budget.checks(found)
    if as_json:
        limits = [
            {"key": each.key, "limit": each.limit, "exceeded": each.exceeded, "text": each.text} for each in checks
        ]
        typer.echo(json.dumps({**found.to_json(), "budget": limits}, indent=2))
    else:
        costs.show(found, checks, console)
    raise typer.Exit(failures.NOT_STARTED if any(check.exceeded for check in checks) else 0)
