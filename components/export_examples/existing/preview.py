"""What a run would take of examples made elsewhere, on one HTML page: their splits, their labels, some of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from components.export_examples.existing import dataset
from earthline.config import Data, Export
from earthline.formats import shards
from earthline.formats.examples import Patch, labelled
from earthline.formats.manifest import SPLITS, Manifest
from earthline.reports import pictures
from earthline.reports.page import render
from earthline.storage.patterns import find
from earthline.task import Task, task_of
from earthline.task.labels import OF_EXAMPLES
from earthline.task.maps import MISSING_COLOR

Array = np.ndarray[Any, Any]

MOST_BYTES = 500_000_000
"""All records are read, since nothing else tells how they are split."""
SHOWN = 12
"""Patches of each split in the picture."""
_BETWEEN = 2
"""Pixels between patches."""
_SIDE = 72
"""Least pixels of a patch in the picture."""


class TooLargeError(ValueError):
    """More than anybody would wait for."""


@dataclass(frozen=True)
class ExistingPreview:
    """What was seen.

    Attributes:
        manifest: Of the dataset that a run would make.
        counts: By split, labelled pixels of each stratum.
        notes: What the validation would say of the labels.
        sheets: By split a picture: imagery above, labels below, uint8 (height, width, 3).
    """

    manifest: Manifest
    counts: Mapping[str, Sequence[int]]
    notes: Sequence[str]
    sheets: Mapping[str, Array]


def look(data: Data, export: Export, project: str) -> ExistingPreview:
    """Takes the examples as the export does, into a folder that is gone afterwards.

    Args:
        data: The section.
        export: The section.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        TooLargeError: There are more than `MOST_BYTES`.
        ValueError: Of `dataset.take`.
    """
    assert data.examples is not None
    size = sum(file.size for patterns in data.examples.patterns.values() for file in find(patterns, project))
    if size > MOST_BYTES:
        raise TooLargeError(
            f"data.examples: {size / 1e6:,.0f} MB of files, all of which would be read, and a preview reads "
            f"{MOST_BYTES / 1e6:,.0f} MB at most; name fewer by --set data.examples.files=…, or see validation.html of "
            "a run"
        )
    task = task_of(data)
    with TemporaryDirectory(prefix="earthline-preview-") as name:
        folder = Path(name)
        dataset.take(data, export, project, folder)
        manifest = Manifest.read(folder)
        statistics, sheets = {}, {}
        for split in SPLITS:
            statistics[split] = task.statistics(np.zeros(0, manifest.label_type))
            first: list[Patch] = []
            for path in manifest.shards(folder, split):
                for record in shards.read(path):
                    patch = Patch.decode(
                        record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
                    )
                    statistics[split] += task.statistics(patch.label[labelled(patch.label)])
                    if len(first) < SHOWN:
                        first.append(patch)
            sheets[split] = _sheet(first, manifest, task)
    found = task.label_findings(statistics, None, OF_EXAMPLES)
    return ExistingPreview(
        manifest,
        {split: mine.by_stratum for split, mine in statistics.items()},
        (*(f"validation would stop the run: {text}" for _, text in found.anomalies), *found.warnings),
        sheets,
    )


def write(path: Path, name: str, data: Data, seen: ExistingPreview) -> None:
    """Writes the page.

    Args:
        path: HTML file to write.
        name: Of the workflow.
        data: The section.
        seen: What was seen.
    """
    task = task_of(data)
    page = render(
        Path(__file__).with_name("preview.html.j2"),
        {
            "name": name,
            "data": data,
            "seen": seen,
            "manifest": seen.manifest,
            "splits": SPLITS,
            "legend": task.legend,
            "strata": list(zip(task.strata, task.stratum_colors, strict=True)),
            "word": task.stratum_word,
            "totals": {split: sum(counts) for split, counts in seen.counts.items()},
            "sheets": {split: pictures.data_uri(sheet) for split, sheet in seen.sheets.items()},
        },
        task.template,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _sheet(patches: Sequence[Patch], manifest: Manifest, task: Task) -> Array:
    """Patches side by side, imagery above and labels below, enlarged until they can be seen."""
    images, valid = np.stack([patch.image for patch in patches]), np.stack([patch.valid for patch in patches])
    limits = pictures.stretch(images, valid)
    columns = []
    for patch in patches:
        image = pictures.composite(patch.image, manifest.bands, limits)
        image[~patch.valid] = MISSING_COLOR
        label = task.colors_of(patch.label)
        gap = np.full((_BETWEEN, image.shape[1], 3), 255, np.uint8)
        column = np.concatenate([image, gap, label])
        columns += [column, np.full((len(column), _BETWEEN, 3), 255, np.uint8)]
    zoom = max(1, -(-_SIDE // max(manifest.patch_shape)))
    return np.asarray(np.concatenate(columns[:-1], axis=1).repeat(zoom, axis=0).repeat(zoom, axis=1))
