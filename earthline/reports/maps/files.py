"""The files of a map, whoever predicted it: raster, picture, report and card."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from earthline.formats.evaluations import Evaluation
from earthline.formats.manifest import Manifest
from earthline.reports.maps import card, figure, raster, report
from earthline.reports.maps.report import Subject

PICTURE_PIXELS = 1400
"""Most pixels a side of the PNG's map."""


@dataclass(frozen=True)
class Files:
    """Where a map goes, and what its files are called.

    Attributes:
        folder: Folder of GeoTIFF, PNG and card.
        stem: Their name without its ending.
        report: HTML file.
        title: Above the PNG's map.
        tags: Texts for the GeoTIFF.
    """

    folder: Path
    stem: str
    report: Path
    title: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def raster(self) -> Path:
        """The GeoTIFF."""
        return self.folder / f"{self.stem}.tif"

    @property
    def picture(self) -> Path:
        """The PNG."""
        return self.folder / f"{self.stem}.png"

    @property
    def card(self) -> Path:
        """The map's card."""
        return self.folder / f"{self.stem}_card.md"

    def write(
        self,
        blocks: Iterable[tuple[int, int, np.ndarray[Any, Any]]],
        subject: Subject,
        manifest: Manifest,
        evaluation: Path,
        curves: Path,
    ) -> None:
        """Writes all of them.

        Args:
            blocks: As `raster.write` takes them.
            subject: What the map is of.
            manifest: Of the examples.
            evaluation: Folder that evaluate_model wrote.
            curves: PNG of the learning curves; left out of the report where it is not there.

        Raises:
            MapError: Every pixel is masked, or a value is none of the task's.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        grid, task = subject.grid, subject.task
        coverage = raster.write(blocks, grid, task, self.raster, dict(self.tags))
        drawn = raster.picture(self.raster, task, PICTURE_PIXELS)
        figure.write(self.picture, drawn, grid, task, self.title, manifest.attribution)
        found = Evaluation.read(evaluation)
        shown = coverage.shown()
        mapped = {**shown, **task.corrected(shown, found)}
        self.card.write_text(card.text(subject, mapped, manifest, found), encoding="utf-8")
        report.write(self.report, subject, self.raster, mapped, manifest, found, curves)
