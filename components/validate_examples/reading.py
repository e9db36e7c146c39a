"""Shards become statistics, a few patches at a time; what cannot be read is noted with its place."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.validate_examples.features import FeatureIndex
from components.validate_examples.findings import Findings
from components.validate_examples.statistics.ground import Ground
from components.validate_examples.statistics.moments import Moments
from components.validate_examples.statistics.mosaic import Mosaic
from components.validate_examples.statistics.outside import Outside
from components.validate_examples.statistics.pixels import PixelSample, most_of_stratum
from components.validate_examples.statistics.sightings import Sightings
from components.validate_examples.statistics.sketches import UNLABELLED, Sketches
from components.validate_examples.statistics.split import PATCHES_SHOWN, SplitStatistics
from earthline.formats.examples import IMAGE, Patch, features, labelled
from earthline.formats.manifest import Manifest
from earthline.formats.shards import ShardError, read
from earthline.grid import Grid
from earthline.reports.pictures import visible_bands
from earthline.task import Task

Array = np.ndarray[Any, Any]

VALUES_AT_ONCE = 2_000_000
"""Values of images that are looked at together: some tens of megabytes with all that is made of them."""


@dataclass(frozen=True)
class Reader:
    """What is known before the first shard is read.

    Attributes:
        folder: Of the dataset.
        manifest: Its manifest.
        task: What its labels tell.
        limits: Least and largest value that is expected of each band, (bands,) each; None without a schema.
        features: Points and polygons that the labels come from; None where they come from a raster.
    """

    folder: Path
    manifest: Manifest
    task: Task
    limits: tuple[Array, Array] | None = None
    features: FeatureIndex | None = None

    def statistics(self, split: str, shard: int) -> Iterator[SplitStatistics]:
        """Statistics of one shard, in parts of a few patches; at least one, which may hold findings alone.

        Args:
            split: Name of the split.
            shard: Place of the shard in the manifest's list.
        """
        findings = Findings()
        chunk: list[tuple[int, Patch]] = []
        most = max(1, VALUES_AT_ONCE // (int(np.prod(self.manifest.patch_shape)) * len(self.manifest.bands)))
        for found in self._patches(split, shard, findings):
            chunk.append(found)
            if len(chunk) == most:
                yield self._of(shard, chunk)
                chunk = []
        yield self._of(shard, chunk).told(findings)

    def _patches(self, split: str, shard: int, findings: Findings) -> Iterator[tuple[int, Patch]]:
        """The readable patches of a shard, with their numbers."""
        of_shard, manifest = self.manifest.splits[split].shards[shard], self.manifest
        name, count = of_shard.name, 0
        problem = of_shard.problem(self.folder)
        if problem:
            findings.error("shard", problem, shard=name)
            return
        try:
            for index, record in enumerate(read(self.folder / name, of_shard.crc32c)):
                count += 1
                try:
                    patch = Patch.decode(
                        record, manifest.patch_shape, len(manifest.bands), manifest.data_type, manifest.label_type
                    )
                except ValueError as error:
                    told = f"{name}, record {index}: {self._other_bands(record) or error}"
                    findings.error("schema", told, shard=name, example=index)
                    continue
                self._check_values(patch, name, index, findings)
                yield index, patch
        except (ShardError, OSError) as error:
            findings.error("shard", str(error), shard=name)
            return
        if count != of_shard.examples:
            findings.error(
                "counts", f"{name}: holds {count} examples, the manifest says {of_shard.examples}", shard=name
            )

    def _other_bands(self, record: bytes) -> str:
        """What is said where the image has another number of bands; empty where that is not what is wrong."""
        bands = self.manifest.bands
        try:
            image = features(record).get(IMAGE)
        except ValueError:
            return ""
        each = int(np.prod(self.manifest.patch_shape)) * np.dtype(self.manifest.data_type).itemsize
        if image is None or image.dtype != object or len(image) != 1 or not image[0] or len(image[0]) % each:
            return ""
        held = len(image[0]) // each
        if held == len(bands):
            return ""
        return (
            f"feature 'image' holds {held} band{'' if held == 1 else 's'}, the manifest has {len(bands)} "
            f"({', '.join(bands)}); export the examples again"
        )

    def _check_values(self, patch: Patch, name: str, index: int, findings: Findings) -> None:
        place = f"{name}, record {index}"
        problem = self.task.label_problem(patch.label)
        if problem:
            findings.error("label values", f"{place}: field 'label' holds {problem}", shard=name, example=index)
        if patch.image.dtype.kind == "f":
            wrong = (~np.isfinite(patch.image[patch.valid])).sum(axis=0)
            for band, count in zip(self.manifest.bands, wrong.tolist(), strict=True):
                if count:
                    findings.error(
                        "not a number",
                        f"{place}: field 'image', band {band}: {count:,} pixels are NaN or infinite; mask them",
                        shard=name,
                        example=index,
                        band=band,
                    )

    def _of(self, shard: int, chunk: list[tuple[int, Patch]]) -> SplitStatistics:
        """Statistics of a few patches of a shard."""
        manifest, task = self.manifest, self.task
        shape, bands = manifest.patch_shape, len(manifest.bands)
        patches = [patch for _, patch in chunk]
        numbers = np.array([index for index, _ in chunk], np.int64)
        image = _stacked([patch.image for patch in patches], (*shape, bands), manifest.data_type)
        valid = _stacked([patch.valid for patch in patches], shape, "bool")
        label = _stacked([patch.label for patch in patches], shape, manifest.label_type)
        corner = np.array([(patch.row, patch.column) for patch in patches], np.int64).reshape(-1, 2)
        there = labelled(label)
        values, strata = image[valid], np.full(label.shape, UNLABELLED)
        strata[there] = task.strata_of(label[there])
        whole = image.dtype.kind in "iu"
        limit = np.iinfo(image.dtype).max if whole else np.inf
        ground, mosaic = (
            (Ground(manifest.label_type), Mosaic.nothing(Grid.from_json(manifest.grid).shape))
            if manifest.placed
            else (None, None)
        )
        shown_bands = list(visible_bands(manifest.bands))
        for patch in patches:
            if ground is not None and mosaic is not None:
                ground.add(patch.label, patch.row, patch.column)
                mosaic.draw(patch.image[..., shown_bands], patch.valid, patch.row, patch.column)
        return SplitStatistics(
            examples=len(chunk),
            pixels=label.size,
            labels=task.statistics(label[there]),
            unlabelled=int((~there).sum()),
            masked=int((~valid).sum()),
            moments=Moments.of(values),
            not_finite=np.zeros(bands, np.int64) if whole else (~np.isfinite(values)).sum(axis=0),
            at_limit=(values == limit).sum(axis=0) if whole else np.zeros(bands, np.int64),
            sketches=Sketches.of(values, strata[valid]),
            outside=Outside.of(image, valid, self.limits, shard, numbers)
            if self.limits is not None and chunk
            else Outside.nothing(bands),
            ground=ground,
            sample=PixelSample.of(image, valid, label, corner, task, most_of_stratum(len(task.strata), bands)),
            sightings=Sightings.of(image, valid, corner, shard, numbers, placed=manifest.placed),
            mosaic=mosaic,
            features=self.features.found(patches) if self.features is not None else frozenset(),
            shown=tuple((shard, index, patch) for index, patch in chunk[:PATCHES_SHOWN]),
        )


def _stacked(arrays: list[Array], shape: tuple[int, ...], data_type: str) -> Array:
    """Arrays on top of each other; of none, an empty one."""
    return np.stack(arrays).astype(data_type, copy=False) if arrays else np.zeros((0, *shape), data_type)
