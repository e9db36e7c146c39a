"""`earthline expression`: a trained model as an Earth Engine expression, which needs no endpoint."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.launch import models, target
from cli.terminal import display

if TYPE_CHECKING:  # these modules load pydantic
    from earthline.config import Config, Environment

FILE = "expression.json"


def expression(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN|DIR",
            help="Id or folder of a run, or the folder that its step train_model wrote.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="JSON file to write; left out, expression.json in the run's folder."
        ),
    ] = None,
    asset: Annotated[
        str | None,
        typer.Option(
            "--asset", metavar="projects/P/assets/NAME", help="Earth Engine asset that gets the expression as well."
        ),
    ] = None,
    bands: Annotated[
        list[str] | None,
        typer.Option(
            "--bands", metavar="NAME,...", help="Further bands beside the map, such as probability; may be repeated."
        ),
    ] = None,
    prepared: Annotated[
        Path | None,
        typer.Option(
            "--prepared",
            metavar="DIR",
            help="For a model's folder: the one that prepare_saved_model wrote, which has the patches of the proof.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="CONFIG", help="Config that the model was trained with, instead of the run's own."
        ),
    ] = None,
) -> None:
    """Turn a trained model into an Earth Engine expression: a map without an endpoint, at no cost while idle.

    For the models linear and pixel_mlp. Earth Engine first computes the patches that the model was proved on; nothing
    is written where it finds anything else than the model did.
    """
    shown = [name.strip() for text in bands or () for name in text.split(",") if name.strip()]
    source = _source(model, prepared, config)
    file = source.run_folder / FILE if output is None and source.run_folder is not None else output
    if file is None and asset is None:
        raise typer.BadParameter("name a file by --output, or an asset by --asset")
    console = display.on_error()

    def tell(line: str) -> None:
        console.print(escape(line), soft_wrap=True, highlight=False)

    with ExitStack() as stack:
        if source.job_id is not None:
            trained, proved = models.of_run(source.environment, source.job_id, stack)
        else:
            assert prepared is not None
            target.enter(source.environment)
            trained, proved = Path(model), prepared
        from pipelines.expression import make

        made = make(source.config, trained, proved, shown, asset, tell)
        for note in made.proof.notes:
            tell(f"note: {note}")
        tell(made.proof.told)
        lines = made.write(file, asset)
    console = display.on_output()
    for kind, place in (("expression", file), ("asset", asset)):
        if place is not None:
            console.print(f"{kind}: {escape(str(place))}", soft_wrap=True, highlight=False)
    for language, text in lines.items():
        console.print(f"{language}:\n{escape(text)}", soft_wrap=True, highlight=False, end="")


@dataclass(frozen=True)
class _Source:
    """Where a model comes from.

    Attributes:
        config: That it was trained with.
        environment: Where Earth Engine and the run are.
        job_id: Of the run; None of a model's folder.
        run_folder: Of the run's results; None where they are not here.
    """

    config: "Config"
    environment: "Environment"
    job_id: str | None = None
    run_folder: Path | None = None


def _source(model: str, prepared: Path | None, config: Path | None) -> _Source:
    from earthline.config import load
    from earthline.local_map.models import ModelError
    from pipelines.runs import records
    from trainer.description import DESCRIPTION

    path, named = Path(model), load(config) if config is not None else None
    if (path / DESCRIPTION).is_file():
        if named is None or prepared is None:
            raise typer.BadParameter(
                "of a model's folder it needs --prepared DIR, for the patches of the proof, and --config CONFIG, for "
                "their imagery"
            )
        return _Source(named, named.environment)
    if path.is_dir() and not (path / records.RECORD).is_file():
        raise ModelError(f"{model} is no run, and no folder that the step train_model wrote: it has no {DESCRIPTION}")
    try:
        record = records.read(path.resolve().name if path.is_dir() else model)
    except records.RecordError as error:
        if named is None:
            raise ModelError(f"{error}; of a run of another folder, add --config CONFIG") from error
        return _Source(named, named.environment, model)
    own = named if named is not None else load(record.folder / records.CONFIG)
    return _Source(own, target.environment_of_run(record), record.job_id, record.folder)
