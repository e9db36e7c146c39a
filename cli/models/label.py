"""`earthline label`: what to label next, so that the next model is better where this one is not sure."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.terminal import display

label = typer.Typer(help="Find places where labels would help most.", no_args_is_help=True)


@label.command("next")
def next_points(
    count: Annotated[int, typer.Argument(min=1, max=100_000, help="Number of places.", show_default=False)],
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of a run's results with map.tif and confidence.tif (see `predict.bands`).", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Files to write, without their ending; left out, FOLDER/points."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Draw places to visit, more of them where the map is not sure, as GeoJSON and CSV."""
    from earthline.field_points import NeedError, Needs, draw
    from earthline.field_points.files import write

    console = display.on_output()
    try:
        with Needs(folder) as needs:
            points = draw(needs, count, seed)
            tags = needs.map.tags()
    except NeedError as error:
        raise typer.BadParameter(str(error)) from error
    names = {
        int(key.removeprefix("class_")): value
        for key, value in tags.items()
        if key.startswith("class_") and key.removeprefix("class_").isdigit()
    }
    stem = output or folder / "points"
    stem.parent.mkdir(parents=True, exist_ok=True)
    for path in write(points, stem, names):
        console.print(f"points: {escape(str(path))}", soft_wrap=True, highlight=False)
    console.print(
        f"{len(points):,} places, those that need a label most first. Fill in the column `label`. Whoever estimates "
        "accuracy or area from them weights each by 1 / chance.",
        soft_wrap=True,
        highlight=False,
    )
