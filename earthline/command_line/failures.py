"""From an exception to a line that a user can act on, and an exit code."""

import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import typer
from platformdirs import user_log_path

RUN_FAILED = 1
"""The run started and did not succeed, or something broke."""
NOT_STARTED = 2
"""A config, an option or the environment is wrong; nothing was started."""
INTERRUPTED = 130
"""Ctrl-C, as shells report it."""

# By name: importing the classes would load what a command does not need.
EXPLAINED = {
    "earthline.config.loading.ConfigError": NOT_STARTED,
    "earthline.imagery.ImageryError": NOT_STARTED,
    "earthline.command_line.target.TargetError": NOT_STARTED,
    "pipelines.following.LostError": RUN_FAILED,
    "pipelines.following.UnknownRunError": NOT_STARTED,
    "pipelines.records.RecordError": NOT_STARTED,
    "pipelines.schedules.ScheduleError": NOT_STARTED,
    "pipelines.submission.ActiveRunError": NOT_STARTED,
}
REFUSED = {
    "ee.ee_exception.EEException": "Earth Engine",
    "google.api_core.exceptions.GoogleAPIError": "Google Cloud",
    "google.auth.exceptions.GoogleAuthError": "Google Cloud",
    "requests.exceptions.RequestException": "Google Cloud",
}


def report(error: Exception) -> int:
    """Says what went wrong on standard error; an unexpected error's traceback goes to a file.

    Args:
        error: Whatever ended a command.

    Returns:
        The exit code.
    """
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]
    for name in names:
        if name in EXPLAINED:
            _say(str(error))
            return EXPLAINED[name]
    for name in names:
        if name in REFUSED:
            _say(f"{REFUSED[name]}: {' '.join(str(error).split())}{_hint(names)}")
            return NOT_STARTED
    path = _keep(error)
    _say(f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:500]}")
    _say(f"this is a mistake of Earthline's; the traceback is in {path}")
    return RUN_FAILED


def _hint(names: list[str]) -> str:
    if "google.auth.exceptions.GoogleAuthError" in names:
        return "; sign in with `gcloud auth application-default login`"
    return ""


def _say(text: str) -> None:
    for line in text.splitlines():
        typer.echo(f"{typer.style('error:', fg=typer.colors.RED, bold=True)} {line}", err=True)


def _keep(error: Exception) -> Path:
    folder = user_log_path("earthline")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    text = "".join(traceback.format_exception(error))
    path.write_text(f"{' '.join(sys.argv)}\n\n{text}", encoding="utf-8")
    return path
