"""`earthline label`: what to label next, and what labels from there tell of the map."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from cli.terminal import display

if TYPE_CHECKING:
    from rich.console import Console

    from earthline.field_points.estimates import Figure
    from earthline.field_points.visited import Visited

label = typer.Typer(help="Find places where labels would help most, and judge a map by them.", no_args_is_help=True)


@label.command("next")
def next_points(
    count: Annotated[int, typer.Argument(min=1, max=100_000, help="Number of places.", show_default=False)],
    folder: Annotated[
        Path,
        typer.Argument(
            help="Id of a run, or the folder of its results, with map.tif and confidence.tif (see `predict.bands`).",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Files to write, without their ending; left out, FOLDER/points."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draw.")] = 0,
) -> None:
    """Draw places to visit, more of them where the map is not sure, as GeoJSON and CSV."""
    from earthline.field_points import Needs, draw
    from earthline.field_points.files import write
    from earthline.field_points.visited import require_unfilled

    folder = _results(folder)
    console, stem = display.on_output(), output or folder / "points"
    require_unfilled(stem)
    with Needs(folder) as needs:
        points = draw(needs, count, seed)
        names = _class_names(needs.map.tags())
    stem.parent.mkdir(parents=True, exist_ok=True)
    for path in write(points, stem, names):
        console.print(f"points: {escape(str(path))}", soft_wrap=True, highlight=False)
    words = f" with one of: {', '.join(names.values())}" if names else " with the value"
    console.print(
        f"{len(points):,} places, those that need a label most first. Fill in the column `label` of the CSV file"
        f"{escape(words)}. Then `earthline label estimate {escape(str(folder))}"
        + (f" --points {escape(str(output.with_suffix('.csv')))}" if output else "")
        + "` tells how right this map is: it weights each point by 1 / chance.",
        soft_wrap=True,
        highlight=False,
    )


@label.command("estimate")
def estimate_map(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Id of a run, or the folder of its results, with the map.tif to judge.", show_default=False
        ),
    ],
    points: Annotated[
        Path | None,
        typer.Option(
            "--points", help="CSV file of `label next`, its column `label` filled in; left out, FOLDER/points.csv."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Config whose classes have the labels among their `values`; left out, labels are names of classes.",
        ),
    ] = None,
) -> None:
    """Estimate a map's accuracy and the areas of its classes from visited points, by the chance of each.

    The figures are of the map from which the points were drawn. A later model that has learned from them cannot be
    judged by them.
    """
    import rasterio

    from earthline.field_points import visited
    from earthline.field_points.needs import require_map

    folder = _results(folder)
    console, map_file = display.on_output(), require_map(folder)
    points = points or folder / "points.csv"
    found = visited.read(points, map_file)
    with rasterio.open(map_file) as file:
        names, unit = _class_names(file.tags()), file.tags().get("value_unit", "")
    unseen: list[str] = []
    if names:
        unseen = _tell_classes(found, names, _meaning(names, config), console)
    else:
        _tell_value(found, unit, console)
    other = found.of_another_map(names)
    notes = {
        f"no point has {', '.join(unseen)} on the ground, so nothing is known of how much there is of it, nor how much "
        "of it the map shows: more points would tell.": bool(unseen),
        f"points without a label: {found.empty:,}. Where these are other ground than the rest, such as what nobody can "
        "reach, the figures do not hold for it.": bool(found.empty),
        "the points were drawn from another map than this one. The figures are of this one, and hold only if its model "
        "has not learned from these points.": other,
    }
    for note, holds in notes.items():
        if holds:
            console.print(f"[yellow]note[/] {note}", soft_wrap=True, highlight=False)
    console.print(
        f"next: the points may join `data.labels.file`, as one more of its list: {{file: {escape(str(points))}, "
        "field: label}",
        soft_wrap=True,
        highlight=False,
    )


def _results(named: Path) -> Path:
    """The folder of a run's results, of which the id may be given as to `predict`."""
    from pipelines.runs.records import RUNS

    return RUNS / named if not named.exists() and (RUNS / named).is_dir() else named


def _class_names(tags: dict[str, str]) -> dict[int, str]:
    """Names by class id from the tags of a map; empty where it tells a value."""
    return {
        int(key.removeprefix("class_")): value
        for key, value in tags.items()
        if key.startswith("class_") and key.removeprefix("class_").isdigit()
    }


def _meaning(names: dict[int, str], config: Path | None) -> dict[Any, int]:
    """Class ids by what a label may be: names of classes, or the values that a config gives them."""
    ids = {name: class_id for class_id, name in names.items()}
    if config is None:
        return ids
    from earthline.config import load
    from earthline.config.sections.labels.class_labels import ClassLabels
    from earthline.config.sections.labels.class_rules import Rule, named
    from earthline.field_points import NeedError

    labels = load(config).data.labels
    if not isinstance(labels, ClassLabels) or not set(labels.class_names) <= set(ids):
        raise NeedError(f"{config} has other classes than the map: {', '.join(names.values())}")
    rules = [Rule(each.meaning, name=each.name) for each in labels.classes]
    return {label: ids[labels.class_names[place]] for label, place in named(rules).items()}


def _tell_classes(found: "Visited", names: dict[int, str], meaning: dict[Any, int], console: "Console") -> list[str]:
    """Shows the table; gives the classes that no point has."""
    from rich.table import Table

    from earthline.field_points import estimates, visited

    labels = visited.ids_of(found, meaning)
    overall, classes = estimates.of_classes(labels, found.mapped, found.chance, max(names) + 1)
    console.print(
        f"overall accuracy {_percent(overall)} from {len(labels):,} points, "
        f"{100 * estimates.CONFIDENCE:g} % intervals; each point weighs 1 / chance",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, expand=False)
    table.add_column("class", no_wrap=True)
    for title in ("points", "mapped", "user's accuracy", "producer's accuracy", "share of the ground"):
        table.add_column(title, justify="right", no_wrap=True)
    for class_id in sorted(names):
        each = classes[class_id]
        figures = (_percent(figure) for figure in (each.user, each.producer, each.area))
        table.add_row(escape(names[class_id]), f"{each.labelled:,}", f"{each.mapped:,}", *figures)
    display.print_whole(table, console)
    return [escape(names[class_id]) for class_id in sorted(names) if not classes[class_id].labelled]


def _tell_value(found: "Visited", unit: str, console: "Console") -> None:
    from earthline.field_points import estimates, visited

    figures = estimates.of_value(visited.values_of(found), found.mapped.astype(float), found.chance)
    console.print(
        f"from {len(found.labels):,} points, {100 * estimates.CONFIDENCE:g} % intervals; each weighs 1 / chance"
    )
    for name, figure in figures.items():
        bounds = "" if figure.bounds is None else " ({:.4g} to {:.4g})".format(*figure.bounds)
        console.print(f"{name} {figure.value:.4g}{f' {unit}' if unit else ''}{bounds}", highlight=False)


def _percent(figure: "Figure") -> str:
    if figure.value != figure.value:
        return "-"
    bounds = "" if figure.bounds is None else " ({:.1f} to {:.1f})".format(*(100 * bound for bound in figure.bounds))
    return f"{100 * figure.value:.1f} %{bounds}"
