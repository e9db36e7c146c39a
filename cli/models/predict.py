"""`earthline predict`: the map of images on this machine, by a model's folder or its endpoint, without Earth Engine."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.models.sources import Source, source_of
from cli.terminal import display
from cli.terminal.meter import metered
from cli.terminal.options import ConfigOption
from cli.terminal.progress import interruptible

if TYPE_CHECKING:  # these modules load NumPy, rasterio and Google's clients
    from rich.console import Console
    from rich.status import Status

    from earthline.local_map.images import Images
    from earthline.local_map.job import Job
    from earthline.local_map.layers import Layers
    from earthline.task import Task


class PredictError(RuntimeError):
    """The map was begun and not ended; the text says why, and that it can go on."""


def predict(
    image: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="GeoTIFF, VRT or other raster; several are parts of one map, or have some of the bands each.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="GeoTIFF to write.", show_default=False)
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model", metavar="DIR|RUN|gs://...", help="Prepared model: its folder, or the id of the run that made it."
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint",
            metavar="ID|URL",
            help="Endpoint that predicts: id or name on Vertex AI, or an address such as Cloud Run's. With --model, "
            "that one's contract is taken.",
        ),
    ] = None,
    bands: Annotated[
        list[str] | None,
        typer.Option(
            "--bands",
            metavar="NAME,...",
            help="Further bands, written beside the map, such as margin; may be repeated.",
        ),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="BAND=NUMBER",
            help="Which band of the image is which of the model's, where names do not tell; may be repeated.",
        ),
    ] = None,
    nodata: Annotated[
        float | None, typer.Option("--nodata", help="Value that stands for no imagery, in place of what files say.")
    ] = None,
    png: Annotated[bool, typer.Option("--png", help="Draw a picture of the map as well.")] = False,
    any_scale: Annotated[
        bool, typer.Option("--any-scale", help="Map pixels of another size than those that the model learned from.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=40, help="Requests to an endpoint under way at once.")
    ] = 4,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a finished map, or another unfinished one.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Map images on this machine, without Earth Engine; an interrupted map goes on where it was."""
    if model is None and endpoint is None:
        raise typer.BadParameter("name a model by --model, or an endpoint by --endpoint")
    said = _said(inputs or ())
    _require_free(output, image, force=force)
    console = display.on_error()
    with ExitStack() as stack:
        source = source_of(model, endpoint, config, stack)
        from earthline.local_map.images import Images
        from earthline.local_map.layers import Layers
        from earthline.task import task_of_record

        task = task_of_record(source.contract.task).colored(source.contract.colors)
        layers = Layers(source.contract, task, _listed(bands or ()))
        images = stack.enter_context(Images(image, source.contract.bands, said, nodata))
        job = _job(source, images, task, layers, output, console, any_scale=any_scale)
        _tell_units(source, images, console)
        paths = _map(job, source, console, concurrency, force=force, picture=png)
    for kind, path in paths.items():
        display.on_output().print(f"{kind}: {escape(str(path))}", soft_wrap=True, highlight=False)


def _job(
    source: Source,
    images: "Images",
    task: "Task",
    layers: "Layers",
    output: Path,
    console: "Console",
    *,
    any_scale: bool,
) -> "Job":
    from earthline.local_map.job import Job
    from earthline.local_map.lattice import Lattice
    from earthline.local_map.placement import placed

    placement = placed(images.grid, source.contract, any_scale=any_scale)
    lattice = Lattice(images.grid.shape, placement, source.contract, source.batch)
    height, width = images.grid.shape
    _print(console, images.matching.told)
    _print(console, f"{height:,} x {width:,} pixels (height x width), {lattice.tiles:,} tiles")
    for note in (*images.notes, *placement.notes):
        _note(console, note)
    return Job(images, lattice, source.contract, task, layers, source.digest, source.named, output)


def _tell_units(source: Source, images: "Images", console: "Console") -> None:
    from earthline.local_map.job import cut, unlike

    known, samples = source.proved_on, images.sample()
    told = cut(samples, source.contract)
    if known is not None and known.image.shape[-1] == len(source.contract.bands):
        told += unlike(samples, known.image, known.valid, source.contract.bands)
    for sentence in told:
        _note(console, sentence)


def _map(
    job: "Job", source: Source, console: "Console", concurrency: int, *, force: bool, picture: bool
) -> Mapping[str, Path]:
    with job.open(anew=force) as work:
        if work.done.any():
            _print(console, f"going on: {int(work.done.sum()):,} of {len(work.done):,} groups of tiles are done")
        if not work.done.all():
            with _status(console, "loading the model"):
                predictor = source.predictor(job.layers)
            begun = job.lattice.count(work.done)
            with (
                _kept(work.folder, console),
                metered(console, "predicting", "tiles", job.lattice.tiles, begun) as progress,
            ):
                job.predict(work, predictor, concurrency if source.remote else 1, progress)
        # Minutes for a large map, which has been at all of its tiles by now.
        with _kept(work.folder, console), _status(console, "writing the files"):
            made, _ = job.write(work, job.output.stem, "", picture=picture)
    kinds = {".png": "picture", f"{job.output.stem}_confidence.tif": "confidence", job.output.name: "map"}
    return {kinds.get(path.name) or kinds[path.suffix]: path for path in made}


def _status(console: "Console", what: str) -> "Status | ExitStack":
    """Shows on a terminal what is under way; elsewhere a line says it once."""
    if console.is_terminal:
        return console.status(what)
    _print(console, what)
    return ExitStack()


@contextmanager
def _kept(folder: Path, console: "Console") -> Iterator[None]:
    """Says of whatever ends a map that what is done is kept."""
    from earthline.local_map.endpoints import EndpointError
    from earthline.local_map.files import ImageError

    kept = f"what is done is kept in {folder}: start the same command again to go on"
    try:
        with interruptible():
            yield
    except (EndpointError, ImageError) as error:
        raise PredictError(f"{error}; {kept}") from error
    except (KeyboardInterrupt, OSError):
        _print(console, kept)
        raise


def _require_free(output: Path, images: list[str], *, force: bool) -> None:
    from earthline.local_map.rasters import further_of
    from earthline.local_map.work import folder_of

    if str(output).startswith("gs:/"):
        raise typer.BadParameter(
            f"{output} lies in a bucket; write to this machine, and copy it with `gcloud storage cp`",
            param_hint="--output",
        )
    if output.suffix.lower() not in (".tif", ".tiff"):
        raise typer.BadParameter(f"{output} does not end with .tif; a GeoTIFF is written", param_hint="--output")
    if output.is_dir():
        raise typer.BadParameter(f"{output} is a folder; name a file", param_hint="--output")
    for made in (output, further_of(output), output.with_suffix(".png")):
        if made.exists() and any(os.path.exists(image) and made.samefile(image) for image in images):
            raise typer.BadParameter(f"{made} is one of the images; name another file", param_hint="--output")
    # Both are there where a process was killed between its last two steps.
    if output.exists() and not force and not folder_of(output).exists():
        raise typer.BadParameter(
            f"{output} is there already; --force writes over it, or name another file", param_hint="--output"
        )


def _said(inputs: list[str] | tuple[()]) -> dict[str, str]:
    said = {}
    for text in inputs:
        band, equals, value = text.partition("=")
        if not (band and equals and value):
            raise typer.BadParameter(f"'{text}' is not BAND=NUMBER, such as nir=4", param_hint="--input")
        said[band.strip()] = value.strip()
    return said


def _listed(bands: list[str] | tuple[()]) -> tuple[str, ...]:
    return tuple(name.strip() for text in bands for name in text.split(",") if name.strip())


def _print(console: "Console", text: str) -> None:
    console.print(escape(text), soft_wrap=True, highlight=False)


def _note(console: "Console", text: str) -> None:
    console.print(f"[yellow]note[/] {escape(text)}", soft_wrap=True, highlight=False)
