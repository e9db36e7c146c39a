"""`earthline export`: the examples of a config in a folder, without a pipeline, for whoever trains elsewhere."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.launch import target
from cli.launch.preparation import bring_data, require_within_budget
from cli.terminal import display, log_end
from cli.terminal.options import ConfigPath, Overrides, SeedData
from cli.terminal.progress import interruptible

if TYPE_CHECKING:  # these modules load pydantic and Google's client
    from rich.console import Console

    from earthline.config import Config

_SPEAKERS = {"components.export_examples": logging.INFO, "earthline": logging.WARNING}
"""Loggers that are heard, and from which level on."""
_SPEAKER = "export_examples: "


class ExportFailedError(RuntimeError):
    """The export began and did not end; the text says why, and that it can go on."""


def export(
    config: ConfigPath,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write.", show_default=False)],
    overrides: Overrides = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="earthline|earth_engine",
            help="How examples are laid out; left out, the config's export.format.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a finished dataset.")] = False,
    seed_data: SeedData = True,
) -> None:
    """Write the examples into a folder, without a pipeline; an interrupted export goes on where it was."""
    from earthline.config import load

    chosen = () if form is None else (f"export.format={form}",)
    settings = load(config, (*(overrides or ()), *chosen))
    _require_free(output, force=force)
    _require_names(settings)
    own = settings.data.examples
    if own is None or any(name.startswith("gs://") for names in own.patterns.values() for name in names):
        target.enter(settings.environment)
    console, said_to = display.on_output(), display.on_error()
    if own is None:
        bring_data(settings, said_to, seed_data=seed_data)
        require_within_budget(settings, said_to, export_alone=True)
    # Beam logs an error with its frames, and raises it as well.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    with _told(said_to), _explained(output):
        _make(settings, output)
    _show(output, console)


def _require_free(output: Path, *, force: bool) -> None:
    from earthline.formats.manifest import MANIFEST

    if str(output).startswith("gs:/"):
        raise typer.BadParameter(
            f"{output} lies in a bucket; write to this machine, and copy it with `gcloud storage cp --recursive`",
            param_hint="--output",
        )
    if output.exists() and not output.is_dir():
        raise typer.BadParameter(f"{output} is a file; name a folder", param_hint="--output")
    if (output / MANIFEST).exists() and not force:
        raise typer.BadParameter(
            f"{output} holds a finished dataset; --force writes over it, or name another folder", param_hint="--output"
        )


def _require_names(settings: "Config") -> None:
    """Says of a band whose name Earth Engine's layout needs itself before anything is fetched."""
    from earthline.config import ConfigError
    from earthline.formats import band_lists
    from earthline.formats.manifest import EARTHLINE

    if settings.export.format != EARTHLINE:
        try:
            band_lists.names(settings.data.imagery.band_names)
        except ValueError as error:
            raise ConfigError(str(error)) from error


def _make(settings: "Config", output: Path) -> None:
    """Does what the step does, with the same functions."""
    from components.export_examples import run
    from components.export_examples.existing import dataset
    from components.export_examples.job import LOCAL
    from components.export_examples.writing import folders
    from earthline.config import ConfigError
    from pipelines.dataflow import beam_options

    data, section, environment = settings.data, settings.export, settings.environment
    folders.clear(output)
    if data.examples is not None:
        try:
            dataset.take(data, section, environment.project, output)
        except (ValueError, OSError) as error:
            raise ConfigError(str(error)) from error
        return
    remote = {
        "temp_location": f"gs://{environment.bucket}/temp",
        "region": environment.location,
        "sdk_container_image": environment.image,
        **beam_options(settings),
    }
    is_remote = section.runner != LOCAL
    spools = folders.spools(remote["temp_location"] if is_remote else "", output, remote=is_remote)
    # Also where this machine asks: export tasks write into the bucket.
    run.make(data, section, environment.project, output, spools, remote)


@contextmanager
def _told(console: "Console") -> Iterator[None]:
    """Shows what the export tells of itself: on a terminal a line that changes, elsewhere lines."""
    with console.status("planning") if console.is_terminal and not console.is_dumb_terminal else _no_status() as status:

        class Lines(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                text = escape(record.getMessage().removeprefix(_SPEAKER))
                if status is not None and record.levelno < logging.WARNING:
                    status.update(text)
                else:
                    console.print(text, soft_wrap=True, highlight=False)

        handler = Lines(logging.INFO)
        before = {logger: (logger.level, logger.propagate) for logger in map(logging.getLogger, _SPEAKERS)}
        for logger in before:
            logger.setLevel(_SPEAKERS[logger.name])
            logger.propagate = False
            logger.addHandler(handler)
        try:
            yield
        finally:
            for logger, (level, propagate) in before.items():
                logger.removeHandler(handler)
                logger.setLevel(level)
                logger.propagate = propagate


@contextmanager
def _no_status() -> Iterator[None]:
    yield None


@contextmanager
def _explained(output: Path) -> Iterator[None]:
    """Says of whatever ends the export that what has arrived is kept."""
    from components.export_examples.batch.following import BatchError
    from components.export_examples.rounds import MissingError
    from components.export_examples.writing.chunks import ChunkError
    from components.export_examples.writing.spool import SpoolError
    from earthline.earth_engine.retry import PixelsError

    kept = f"what has arrived is kept in {output}: start the same command again to go on"
    try:
        with interruptible() as interrupted:
            yield
    except (BatchError, ChunkError, MissingError, PixelsError, SpoolError) as error:
        raise ExportFailedError(f"{error}; {kept}") from error
    except (KeyboardInterrupt, RuntimeError) as error:
        if interrupted.is_set():
            display.on_error().print(kept, soft_wrap=True, highlight=False)
            raise KeyboardInterrupt from None
        # Beam gives what a worker raised as the text of its traceback.
        found = log_end.read(str(error).splitlines())
        if found.raised or not found.message:
            raise
        raise ExportFailedError(f"{' '.join(found.message)}; {kept}") from error


def _show(output: Path, console: "Console") -> None:
    from earthline import datasets

    console.print(escape(str(datasets.open(output))), soft_wrap=True, highlight=False)
