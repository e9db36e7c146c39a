"""The `earthline` command: its subcommands and its exit codes."""

import os
import sys
from typing import Annotated

import typer

from cli.configs.check import check
from cli.configs.compile import compile_config
from cli.configs.init import init
from cli.configs.plan import plan
from cli.configs.preview import preview
from cli.configs.schema import schema
from cli.models.expression import expression
from cli.models.label import label
from cli.models.predict import predict
from cli.models.rollback import rollback
from cli.runs.canary import canary
from cli.runs.export import export
from cli.runs.run import run
from cli.runs.runs import runs
from cli.runs.schedule import schedule
from cli.runs.submit import submit
from cli.sandbox import sandbox
from cli.terminal import failures
from earthline import __version__, garbage, native_lines

app = typer.Typer(
    name="earthline",
    help="Deep-learning maps in Google Earth Engine from one YAML file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init)
app.command("preview")(preview)
app.command("plan")(plan)
app.command("predict")(predict)
app.command("expression")(expression)
app.command("run")(run)
app.command("submit")(submit)
app.command("compile")(compile_config)
app.command("export")(export)
app.command("check")(check)
app.command("canary")(canary)
app.command("rollback")(rollback)
app.add_typer(runs, name="runs")
app.add_typer(label, name="label")
app.add_typer(schedule, name="schedule")
app.command("sandbox", context_settings={"ignore_unknown_options": True, "help_option_names": []})(sandbox)
app.command("schema")(schema)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"earthline {__version__}")
        raise typer.Exit


@app.callback()
def _earthline(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Deep-learning maps in Google Earth Engine from one YAML file."""


def main() -> None:
    """Runs one command. Exit codes: 0 done, 1 the run failed, 2 nothing was started, 130 interrupted."""
    _require_streams()
    garbage.search_rarely()
    # Where a command needs TensorFlow, that speaks in C++ about the processor, and about sizes of images that were
    # tried to find what a network needs. What matters comes as an exception.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    native_lines.hush()
    try:
        # A command that started anew to reach the sandbox keeps its name.
        app(prog_name="earthline")
    except KeyboardInterrupt:
        raise SystemExit(failures.INTERRUPTED) from None
    except Exception as error:
        raise SystemExit(failures.report(error)) from None


def _require_streams() -> None:
    """Without standard output or error (`>&-`, some services) Python has None, on which every library stumbles."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
