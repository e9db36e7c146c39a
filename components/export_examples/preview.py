"""What a run would take, on one HTML page: imagery, labels, splits and how much of everything each has."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from components.export_examples.planning import blocks, feature_owners, plan
from components.export_examples.planning.blocks import SplitError
from components.export_examples.planning.label_tiles import A_LOOK
from components.export_examples.planning.points import PointsError
from components.export_examples.planning.selection import Selection, select
from earthline.config import BoundingBox, Data, Export
from earthline.earth_engine import imagery
from earthline.earth_engine.imagery import ImageryError
from earthline.earth_engine.retry import PixelsError
from earthline.finding import Finding
from earthline.formats.examples import labelled
from earthline.formats.manifest import SPLITS
from earthline.grid import Grid, GridError
from earthline.label_features import floors
from earthline.outlines import on_grid
from earthline.reports import pictures, splits
from earthline.reports.maps import scene
from earthline.reports.page import render
from earthline.task import Task, task_of

Array = np.ndarray[Any, Any]

PICTURE_PIXELS = 700
"""Most pixels a side of what is looked at: with imagery and labels a million pixels in all."""
MOST_BLOCKS_DRAWN = 3000
"""More edges would hide the picture."""
MOST_PATCHES_DRAWN = 5000
"""Of a split."""
_PREFIX = "export_examples: "
_ENOUGH = 100
"""Pixels of the grid that one of a thinned picture stands for, at most, where it is asked whether they are enough."""
_MUCH = 0.05
"""Share of the region without imagery from which it is told."""


@dataclass(frozen=True)
class Row:
    """Labelled pixels with imagery, of pictures that are thinned out about so many; or points and polygons.

    Attributes:
        name: Of what patches are balanced over, such as a kind of land cover.
        color: #rrggbb.
        everywhere: In the region.
        by_split: Where the patches of each split may lie; of points and polygons, those that each split owns.
    """

    name: str
    color: str
    everywhere: int
    by_split: Mapping[str, int]


@dataclass(frozen=True)
class Preview:
    """What was seen.

    Attributes:
        grid: Of the region.
        step: Pixels of the grid a side of one that was looked at.
        selected: What a run would take; None where it would fail.
        problem: Why it would fail; empty where it would not.
        notes: What the run would warn of.
        rows: What there is of each stratum.
        of_features: Whether points and polygons are counted, and not pixels.
        picture: Imagery, uint8 (height, width, 3).
        labels: As examples hold them, (height, width).
    """

    grid: Grid
    step: int
    selected: Selection | None
    problem: str
    notes: Sequence[str]
    rows: Sequence[Row]
    of_features: bool
    picture: Array
    labels: Array


def look(data: Data, export: Export, grid: Grid) -> Preview:
    """Looks at imagery and labels, and at what the export would take of them.

    Args:
        data: The section, its data type resolved.
        export: The section.
        grid: Of the region.

    Raises:
        ImageryError: An outline or a table is of no use.
        PixelsError: Earth Engine does not answer.
    """
    task = task_of(data)
    picture, valid, within = scene.imagery_pixels(data, grid, PICTURE_PIXELS)
    labels = scene.label_pixels(data, grid, task, PICTURE_PIXELS)
    step = max(1, -(-max(grid.shape) // PICTURE_PIXELS))
    selected, problem = None, ""
    with _warnings() as notes:
        try:
            selected = select(data, export, grid, A_LOOK)
        except (SplitError, PointsError, PixelsError, ImageryError) as error:
            problem = str(error)
    where = splits.owners({} if selected is None else selected.areas, (labels.shape[0], labels.shape[1]), step)
    there = valid & labelled(labels)

    def counted(mine: Array) -> list[int]:
        return [count * step**2 for count in task.statistics(labels[mine]).by_stratum]

    if selected is not None and selected.records is not None:
        # Of thinned pictures nobody could tell how many points there are.
        kinds = feature_owners.counted(selected.records, task)
        totals = [(sum(points), sum(polygons)) for points, polygons in _together(kinds)]
        by_split = {split: [sum(each) for each in mine] for split, mine in kinds.items()}
        everywhere = [sum(total) for total in totals]
        notes += [text for _, text in floors.few(task.stratum_word, task.strata, totals, kinds)]
    else:
        by_split = {split: counted(there & (where == place)) for place, split in enumerate(SPLITS)}
        everywhere = counted(there)
        notes += [] if selected is None else _too_few(task, labels, there, where, step)
    notes += _missing(data, valid, within)
    return Preview(
        grid=grid,
        step=step,
        selected=selected,
        problem=problem,
        notes=tuple(notes),
        rows=tuple(
            Row(name, color, everywhere[place], {split: by_split[split][place] for split in SPLITS})
            for place, (name, color) in enumerate(zip(task.strata, task.stratum_colors, strict=True))
        ),
        of_features=selected is not None and selected.records is not None,
        picture=picture,
        labels=labels,
    )


def write(path: Path, name: str, data: Data, export: Export, seen: Preview, findings: Iterable[Finding]) -> None:
    """Writes the page.

    Args:
        path: HTML file to write.
        name: Of the workflow.
        data: The section.
        export: The section.
        seen: What was seen.
        findings: Of checks, to be shown on it.
    """
    grid, task = seen.grid, task_of(data)
    outline = _outline(data, grid)

    def uri(picture: Array) -> str:
        return pictures.data_uri(pictures.north_up(picture, grid)[0])

    page = render(
        Path(__file__).with_name("preview.html.j2"),
        {
            "name": name,
            "data": data,
            "export": export,
            "seen": seen,
            "grid": grid,
            "findings": list(findings),
            "legend": task.legend,
            "stratum_word": task.stratum_word,
            "split_colors": splits.COLORS,
            "splits": SPLITS,
            "patches": {} if seen.selected is None else seen.selected.numbers,
            "ground": _ground(seen.selected, export),
            "blocks": "" if export.split_regions is not None else f"{len(_blocks(grid, export, outline)):,}",
            "totals": {split: sum(row.by_split[split] for row in seen.rows) for split in SPLITS},
            "outlined": outline is not None,
            "image": uri(splits.outlined(seen.picture, outline, seen.step)),
            "labels": uri(splits.outlined(scene.drawn_labels(seen.labels, task), outline, seen.step)),
            "counted": "Labelled pixels" if not seen.of_features else "Points and polygons",
            "parts": "" if seen.selected is None else uri(_parts(seen, seen.selected, export, outline)),
        },
        task.template,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _together(kinds: Mapping[str, Sequence[tuple[int, int]]]) -> Iterator[tuple[list[int], list[int]]]:
    """For each stratum points, and polygons, of every split."""
    for of_stratum in zip(*kinds.values(), strict=True):
        yield [points for points, _ in of_stratum], [polygons for _, polygons in of_stratum]


def _missing(data: Data, valid: Array, within: Array) -> list[str]:
    """How much of the region has no imagery: nothing is learned and nothing mapped there."""
    lost = 1 - valid.sum() / max(within.sum(), 1)
    if lost < _MUCH:
        return []
    of_all = (
        "a pixel counts only where every source has imagery: `fill` says what stands in the gaps of one "
        "(docs/how-to/imagery.md#several-sources)"
        if len(data.imagery.parts) > 1
        else "look at the picture whether its edges and holes are those that you know"
    )
    return [f"{100 * lost:.0f} % of the region has no imagery: nothing is learned or mapped there; {of_all}"]


def _too_few(task: Task, labels: Array, there: Array, where: Array, step: int) -> list[str]:
    """What the validation would say of the labelled ground, were all of it in patches: it will be less."""
    ground = {
        # A pixel of a thinned picture stands for many; of more than `_ENOUGH` of them nobody asks how many.
        split: task.statistics(np.repeat(labels[there & (where == place)], min(step**2, _ENOUGH)))
        for place, split in enumerate(SPLITS)
    }
    found = task.label_findings(ground)
    return [*(f"validation would stop the run: {text}" for _, text in found.anomalies), *found.warnings]


def _parts(seen: Preview, selected: Selection, export: Export, outline: BaseGeometry | None) -> Array:
    cut = [] if export.split_regions is not None else _blocks(seen.grid, export, outline)
    drawn = cut if len(cut) <= MOST_BLOCKS_DRAWN else []
    # Areas are made of whole blocks; what lies outside of the outline is no part of them.
    areas = selected.areas
    if outline is not None:
        areas = {split: area.intersection(outline) for split, area in areas.items()}
    return splits.picture(seen.picture, areas, drawn, _corners(selected), export.patch_shape, seen.step)


def _corners(selected: Selection) -> dict[str, list[tuple[int, int]]]:
    """First pixels (row, column) of patches by split; of very many so many as can be seen."""
    first = selected.plan.first
    return {
        split: list(map(tuple, first.corners(place)[:MOST_PATCHES_DRAWN].tolist()))
        for place, split in enumerate(SPLITS)
    }


def _blocks(grid: Grid, export: Export, outline: BaseGeometry | None) -> list[BaseGeometry]:
    """The blocks that are dealt: those that the region's outline touches."""
    try:
        plan.require_blocks(grid, export, outline)
    except SplitError:
        return []
    cut = blocks.blocks(grid.shape, export.block_shape)
    if outline is None:
        return cut
    return [block for block in cut if block.intersects(outline) and not block.touches(outline)]


def _ground(selected: Selection | None, export: Export) -> dict[str, float]:
    """How many patches would fit side by side into each split's area."""
    if selected is None:
        return {}
    height, width = export.patch_shape
    return {split: area.area / (height * width) for split, area in selected.areas.items()}


def _outline(data: Data, grid: Grid) -> BaseGeometry | None:
    """The region's outline in pixels of the grid; None where the grid itself is the region."""
    shape = imagery.in_pixels(data, grid)
    if shape is None and isinstance(data.region, BoundingBox):
        try:
            shape = on_grid.in_pixels(data.region.shape, grid)
        except GridError:
            return None
    if shape is None:
        return None
    height, width = grid.shape
    # A rectangle that is a little larger than the grid has its edges outside of the picture.
    return shape.intersection(box(0, 0, width - 0.01, height - 0.01))


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What the export's planning warns of, as lines; none of it goes to the log."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage().removeprefix(_PREFIX))

    logger = logging.getLogger(__name__.rpartition(".")[0])
    handler, propagated = Keep(logging.WARNING), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
