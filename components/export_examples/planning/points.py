"""Which patches are drawn where labels are a raster: by the design that the config names, with exact chances."""

import logging
from typing import Any

import numpy as np

from components.export_examples.planning import allocation, chance, draws
from components.export_examples.planning.draws import Cell
from components.export_examples.planning.ground import Ground
from components.export_examples.planning.label_tiles import LabelTiles
from components.export_examples.planning.patches import Plan
from earthline.config import Data, Export
from earthline.formats.manifest import SPLITS
from earthline.task import Task, task_of

Array = np.ndarray[Any, Any]

EVERYTHING = "all labelled pixels"
"""The one stratum of a design without strata."""
_DRAWING, _BEGINNING = 4, 5
"""Purposes of random numbers."""

_logger = logging.getLogger(__name__)


class PointsError(ValueError):
    """There is nothing to sample; the text names the key and the fix."""


def draw(data: Data, export: Export, tiles: LabelTiles, ground: Ground) -> Plan:
    """Draws the patches of every split.

    The seed gives each pixel a random number of its own, and the first patches of a stratum are those with the least:
    a simple random sample, to which further patches of the same order may be added. A systematic grid has equal steps
    and a random start; nothing is added to it.

    Args:
        data: The section.
        export: The section, as `plan.settled` gives it.
        tiles: Labels of the region.
        ground: Where patches of each split may be centred.

    Raises:
        PointsError: A split without a labelled pixel.
    """
    task = task_of(data)
    by_label = draws.frame(tiles, ground, len(task.strata))
    _require_labels(by_label, task)
    stratified = export.design == "stratified"
    strata = task.strata if stratified else (EVERYTHING,)
    frame = by_label if stratified else by_label.sum(axis=1, keepdims=True)
    wanted = np.stack([_wanted(export, task, split, frame[place]) for place, split in enumerate(SPLITS)])
    start = chance.state(export.seed, _DRAWING)
    if export.design == "systematic":
        found, wanted = _on_grid(export, tiles, ground, frame[:, 0], start)
    else:
        found = draws.first(tiles, ground, wanted + allocation.reserve(wanted, frame), frame, start)
    _tell_fewer(export, wanted)
    height, width = export.patch_shape
    for middles in found.values():
        middles -= np.array([height // 2, width // 2], np.int32)
    return Plan.of(found, wanted, _whole(frame, tiles), strata)


def _wanted(export: Export, task: Task, split: str, frame: Array) -> Array:
    """Patches of each stratum of a split, int64 (strata,)."""
    most = {str(name): number for name, number in export.examples.items()}[split]
    if export.allocation == "equal" or export.design != "stratified":
        return allocation.fill(np.ones(len(frame)), frame, most)
    if export.allocation == "proportional":
        return allocation.fill(frame, frame, most)
    given = export.stds
    spread = [given[name] for name in task.strata] if given is not None else list(task.spread or ())
    return allocation.fill(frame * np.array(spread), frame, most)


def _on_grid(
    export: Export, tiles: LabelTiles, ground: Ground, frame: Array, start: int
) -> tuple[dict[Cell, Array], Array]:
    """The patches of a systematic grid in each split, and their number."""
    steps = [allocation.spacing(int(frame[place]), export.examples[split]) for place, split in enumerate(SPLITS)]  # type: ignore[index]  # SPLITS are the names
    begins = [allocation.begin(chance.state(export.seed, _BEGINNING, place), each) for place, each in enumerate(steps)]
    found = draws.nodes(tiles, ground, np.array(steps), np.array(begins), start)
    counts = np.array([[len(found[place, 0])] for place in range(len(SPLITS))], np.int64)
    for split, (count,) in zip(SPLITS, counts.tolist(), strict=True):
        if not count:
            raise PointsError(
                f"export.design: no node of the systematic grid of {split} lies on a pixel with a label; ask for more "
                f"export.examples.{split}, change export.seed, or use another design"
            )
    return found, counts


def _require_labels(frame: Array, task: Task) -> None:
    """Says what is missing where; a split without anything ends the planning."""
    everywhere = frame.sum(axis=0)
    for stratum, name in enumerate(task.strata):
        if not everywhere[stratum]:
            _logger.warning(
                "export_examples: %s '%s' has no pixel around which a patch fits into any split",
                task.stratum_word,
                name,
            )
    if len(task.strata) > 1 and (everywhere > 0).sum() == 1:
        _logger.warning(
            "export_examples: every pixel on which a patch can be centred is of %s '%s': there is nothing to tell "
            "apart; check data.labels and data.region",
            task.stratum_word,
            task.strata[int(np.argmax(everywhere))],
        )
    for place, split in enumerate(SPLITS):
        if not frame[place].any():
            raise PointsError(
                f"export: empty split '{split}': no pixel of its area has a label; change export.seed or "
                "export.block_shape, or give export.split_regions"
            )
        absent = [
            name for name, here, there in zip(task.strata, frame[place], everywhere, strict=True) if there and not here
        ]
        if absent:
            _logger.warning(
                "export_examples: no patch of %s is centred on %s: too little of it, or all of it in blocks of other "
                "splits; smaller export.block_shape and export.patch_shape give it more places",
                split,
                ", ".join(f"'{name}'" for name in absent),
            )


def _tell_fewer(export: Export, wanted: Array) -> None:
    if export.design == "systematic":
        return
    for place, split in enumerate(SPLITS):
        asked, there = {str(name): number for name, number in export.examples.items()}[split], int(wanted[place].sum())
        if there < asked:
            _logger.warning(
                "export_examples: export.examples asks for %s patches of %s, and there are only %s different ones; all "
                "of them are taken",
                f"{asked:,}",
                split,
                f"{there:,}",
            )


def _whole(frame: Array, tiles: LabelTiles) -> Array:
    """Pixels of the whole region where only some tiles were read, about."""
    return frame if tiles.share == 1 else np.rint(frame / tiles.share).astype(np.int64)
