"""Turns an exception into a line that a user can act on, and into an exit code."""

import errno
import os
import re
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import typer
from platformdirs import user_log_path, user_state_path

from cli.launch import target

RUN_FAILED = 1
"""The run started and did not succeed, or something broke."""
NOT_STARTED = 2
"""A config, an option or the environment is wrong; nothing was started."""
INTERRUPTED = 130
"""Ctrl-C, as shells report it."""

# By name: importing the classes would load what a command does not need.
EXPLAINED = {
    "cli.drafts.answers.DraftError": NOT_STARTED,
    "cli.runs.export.ExportFailedError": RUN_FAILED,
    "cli.models.predict.PredictError": RUN_FAILED,
    "components.export_examples.planning.blocks.SplitError": NOT_STARTED,
    "components.export_examples.planning.points.PointsError": NOT_STARTED,
    "components.export_examples.run.ExportError": RUN_FAILED,
    "components.deploy_model.deployment.DeploymentError": RUN_FAILED,
    "components.deploy_model.rollback.RollbackError": NOT_STARTED,
    "earthline.earth_engine.registration.SmokeTestError": RUN_FAILED,
    "earthline.earth_engine.ee_model.RegistrationError": RUN_FAILED,
    "earthline.earth_engine.model_expressions.expression.ExpressionError": NOT_STARTED,
    "earthline.config.loading.ConfigError": NOT_STARTED,
    "earthline.earth_engine.imagery.errors.ImageryError": NOT_STARTED,
    "earthline.field_points.needs.NeedError": NOT_STARTED,
    "earthline.grid.crs.GridError": NOT_STARTED,
    "earthline.local_map.bands.BandError": NOT_STARTED,
    "earthline.local_map.endpoints.EndpointError": NOT_STARTED,
    "earthline.local_map.files.ImageError": NOT_STARTED,
    "earthline.local_map.layers.LayerError": NOT_STARTED,
    "earthline.local_map.models.ModelError": NOT_STARTED,
    "earthline.local_map.placement.ScaleError": NOT_STARTED,
    "earthline.local_map.work.WorkError": NOT_STARTED,
    "earthline.reports.maps.raster.MapError": RUN_FAILED,
    "earthline.runtimes.runtime.RuntimeFault": NOT_STARTED,
    "cli.launch.submission.UncertainError": RUN_FAILED,
    "cli.launch.target.TargetError": NOT_STARTED,
    "earthline.earth_engine.retry.PixelsError": NOT_STARTED,
    "pipelines.compilation.SpecificationError": NOT_STARTED,
    "pipelines.cost.budget.BudgetError": NOT_STARTED,
    "pipelines.cost.prices.PricesError": NOT_STARTED,
    "pipelines.runs.run.LostError": RUN_FAILED,
    "pipelines.runs.run.UnknownRunError": NOT_STARTED,
    "pipelines.runs.records.RecordError": NOT_STARTED,
    "pipelines.schedules.schedules.ScheduleError": NOT_STARTED,
    "pipelines.submission.ActiveRunError": NOT_STARTED,
}
_MACHINE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.EIO,
    errno.ELOOP,
    errno.EMFILE,
}
"""What a disk, a file or a folder refuses."""
_REQUEST = re.compile(r"^\d{3} (?:GET|POST|PUT|PATCH|DELETE) https?://\S+?: ")
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
            _say(f"{REFUSED[name]}: {plainly(error)}{_hint(names)}")
            if os.environ.get(target.MARKER) == "sandbox" and (ending := target.sandbox_ending()):
                _say(ending)
            return NOT_STARTED
    if isinstance(error, OSError) and error.errno in _MACHINE:
        _say(_explained(error))
        return RUN_FAILED
    _say(f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:500]}")
    _say(f"this is a mistake of Earthline's; {_keep(error)}")
    return RUN_FAILED


def plainly(error: Exception) -> str:
    """The text of a client's error in one line, without the address of the request at its beginning.

    Args:
        error: Of one of Google's clients.
    """
    return _REQUEST.sub("", " ".join(str(error).split()))


def _hint(names: list[str]) -> str:
    if "google.auth.exceptions.GoogleAuthError" in names:
        return "; sign in with `gcloud auth application-default login`"
    return ""


def _explained(error: OSError) -> str:
    """Explains a full disk or a folder that may not be written: no mistake of Earthline's."""
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    said = f"{path}: {error.strerror}" if path is not None else str(error.strerror)
    state = user_state_path("earthline")
    if path is not None and (path.is_relative_to(state) or (path.is_absolute() and state.is_relative_to(path))):
        return f"{said}; locks lie there: set XDG_STATE_HOME to a folder that you can write"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{said}; make room"
    return f"{said}; make it one that you can write, or start the command in another folder"


def _say(text: str) -> None:
    # https://no-color.org; click heeds neither that nor a terminal that knows no colours.
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    word = "error:" if plain else typer.style("error:", fg=typer.colors.RED, bold=True)
    for line in text.splitlines() or [""]:
        typer.echo(f"{word} {line}", err=True)


def _keep(error: Exception) -> str:
    """Writes the traceback to a file and says where it is; where no file can be written, gives the traceback itself."""
    text = f"{' '.join(sys.argv)}\n\n{''.join(traceback.format_exception(error))}"
    for find in (partial(user_log_path, "earthline"), tempfile.gettempdir):
        try:
            folder = Path(find())
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"earthline-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}.log"
            # In a folder that others write in, a file of that name may be a link of theirs.
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError:
            continue
        return f"the traceback is in {path}"
    return f"its traceback can be written nowhere:\n{text}"
