"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The workflow's YAML file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Overrides one key, such as train.epochs=1; may be repeated."),
]
Cache = Annotated[
    bool, typer.Option("--cache/--no-cache", help="Take unchanged steps from earlier runs, or run all anew.")
]
SeedData = Annotated[
    bool, typer.Option("--seed-data/--no-seed-data", help="Bring the sandbox the open data that it lacks.")
]
Force = Annotated[bool, typer.Option("--force", help="Go on where nothing is new since the last accepted run.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="Id of the run, as `earthline runs list` shows it.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="CONFIG", help="Config whose environment to look in, instead of the run's record."
    ),
]
