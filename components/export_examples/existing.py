"""TFRecords made elsewhere become the dataset: read as a stream, checked one by one, written as our own."""

import hashlib
import json
import logging
import operator
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from shapely.geometry import mapping

from components.export_examples import owners
from components.export_examples.blocks import SplitError
from components.export_examples.layout import Layout
from components.export_examples.mixer import Mixer, MixerError
from components.export_examples.owners import ByMixer, Features, Owners, Place
from components.export_examples.pipeline import PROGRESS_SECONDS, WriteManifest, WrittenShard
from earthline.config import Data, ExampleLabels, Examples, Export
from earthline.formats import shards
from earthline.formats.examples import Patch, features, labelled
from earthline.formats.manifest import SPLITS, Manifest, SourceRecord, shard_name
from earthline.storage.patterns import Found, find, reading
from earthline.task import Task, task_of
from earthline.task.labels import LabelError, LabelStatistics

_LISTED = 12
"""Features that an error names."""
_logger = logging.getLogger(__name__)
_Array = np.ndarray[Any, Any]


class ExistingError(ValueError):
    """Records that cannot be taken; the text names file, record and feature."""


def take(data: Data, export: Export, project: str, folder: Path) -> None:
    """Writes the dataset of `data.examples`; the manifest comes last.

    Args:
        data: The config's section.
        export: The config's section.
        project: Google Cloud project of requests to Cloud Storage.
        folder: Existing folder to write into.

    Raises:
        PatternError: A name that matches no file.
        ShardError: A damaged file.
        ExistingError: A record that is not what the config says.
        MixerError: The same for the mixer file.
        SplitError: The records cannot be split as asked.
    """
    section = data.examples
    assert section is not None
    data = _with_data_type(data)
    found = {split: find(patterns, project) for split, patterns in section.patterns.items()}
    files = sorted((file for some in found.values() for file in some), key=lambda file: file.name)
    _logger.info("export_examples: takes %d files, %.1f MB", len(files), sum(file.size for file in files) / 1e6)
    owned, told = _owners(section, export, found, project)
    with ExitStack() as stack:
        splits = {split: _Split(split, folder, export.shards, task_of(data), stack) for split in SPLITS}
        layout = Layout(export.patch_shape, section.split.key if section.split is not None else None)
        count = _write(data, export, files, owned, splits, layout, project)
    if isinstance(owned, ByMixer) and count != owned.mixer.total:
        raise MixerError(
            f"{owned.mixer.name}: tells of {owned.mixer.total:,} patches, the files hold {count:,}; name all files of "
            "its export"
        )
    empty = [split for split, of_split in splits.items() if not of_split.examples]
    if empty:
        raise SplitError(
            f"data.examples: empty split '{empty[0]}': no record belongs to it; change export.seed or the split"
        )
    written = [shard for of_split in splits.values() for shard in of_split.close()]
    dropped = count - sum(shard.examples for shard in written)
    if dropped:
        told += f"; {dropped:,} of {count:,} patches are left out to keep the splits apart"
    _logger.info("export_examples: %d records, split %s", count, told)
    WriteManifest(str(folder), _manifest(data, export, files, owned, told, layout))(written)


def look(data: Data, export: Export, project: str) -> str:
    """What a run will find, by the names of all files and one record of each split; for `earthline check`.

    Args:
        data: The config's section.
        export: The config's section.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        ValueError: As `take`, as far as one record tells.
    """
    section = data.examples
    assert section is not None
    data = _with_data_type(data)
    found = {split: find(patterns, project) for split, patterns in section.patterns.items()}
    for files in found.values():
        first = next(_records(files[:1], project), None)
        if first is None:
            raise ExistingError(f"{files[0].name}: holds no record; name other files")
        try:
            to_patch(first[1], data, task_of(data), export.patch_shape, 0, 0)
        except ValueError as error:
            raise _told(first[0], error) from error
    if section.split is not None and section.split.mixer is not None:
        _owners(section, export, found, project)
    count = sum(len(files) for files in found.values())
    size = sum(file.size for files in found.values() for file in files)
    height, width = export.patch_shape
    return f"{count:,} files, {size / 1e6:.1f} MB; the first record has every band of {height} x {width} pixels"


def _with_data_type(data: Data) -> Data:
    """Whatever type the numbers had where they were made, a record's lists hold floats."""
    if data.imagery.data_type != "auto":
        return data
    return data.model_copy(update={"imagery": data.imagery.model_copy(update={"data_type": "float32"})})


def _owners(section: Examples, export: Export, found: dict[str, tuple[Found, ...]], project: str) -> tuple[Owners, str]:
    if section.split is None:
        named = owners.files_by_split({split: [file.name for file in files] for split, files in found.items()})
        return named, "as the config names the files of each"
    files, split = found[""], section.split
    if split.mixer is not None:
        (name,) = _one(find([split.mixer], project), split.mixer)
        with reading(name, project) as file:
            return owners.by_mixer(Mixer.read(name, file.read()), export), f"by blocks of ground, placed by {name}"
    if split.key is not None:
        counts = Counter(_keys(files, split.key, project))
        of_keys = owners.by_key(split.key, counts, export)
        return of_keys, f"by the feature '{split.key}', which has {len(counts):,} values"
    if split.by == "file":
        dealt = owners.deal({file.name: file.size for file in files}, export, "files")
        return owners.ByFile(dealt), f"by file, {len(files):,} files"
    shares: dict[str, float] = {str(name): share for name, share in export.shares.items()}
    return owners.ByRecord(shares, export.seed), "record by record at random"


def _one(found: Sequence[Found], pattern: str) -> tuple[str]:
    if len(found) != 1:
        raise MixerError(f"{pattern} matches {len(found)} files; name one mixer file: there is one for each export")
    return (found[0].name,)


def _records(files: Sequence[Found], project: str) -> Iterator[tuple[Place, Features]]:
    overall = 0
    for file in files:
        with reading(file.name, project) as opened:
            for index, record in enumerate(shards.records(opened, file.name)):
                place = Place(file.name, index, overall)
                try:
                    yield place, features(record)
                except ValueError as error:
                    raise _told(place, error) from error
                overall += 1


def _keys(files: Sequence[Found], key: str, project: str) -> Iterator[str]:
    for place, found in _records(files, project):
        try:
            yield owners.key_of(found, key)
        except ValueError as error:
            raise _told(place, error) from error


def _told(place: Place, error: ValueError) -> ValueError:
    if isinstance(error, ExistingError):
        return error
    return ExistingError(f"{place.file}, record {place.index}: {error}")


def _write(
    data: Data,
    export: Export,
    files: Sequence[Found],
    owned: Owners,
    splits: dict[str, "_Split"],
    layout: Layout,
    project: str,
) -> int:
    """Writes every record into its split's shards; gives how many records there were."""
    task, count, said = task_of(data), 0, time.monotonic()
    for place, found in _records(files, project):
        count += 1
        try:
            split = owned.of(place, found)
            if not split:
                continue
            if isinstance(owned, ByMixer):
                row, column = owned.mixer.corner(place.overall)
            else:
                row, column = layout.corner(place, found, split)
            splits[split].add(to_patch(found, data, task, export.patch_shape, row, column))
        except ValueError as error:
            raise _told(place, error) from error
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            _logger.info("export_examples: %d records", count)
    return count


def to_patch(found: Features, data: Data, task: Task, shape: tuple[int, int], row: int, column: int) -> Patch:
    """A record as an example of ours.

    Args:
        found: What the record holds.
        data: The config's section, with a data type that is not `auto`.
        task: What its labels tell.
        shape: Patch shape in pixels (height, width).
        row: Row of its first pixel.
        column: Column of its first pixel.

    Raises:
        ValueError: A feature is missing, has another length or a value that the config does not account for.
    """
    assert data.examples is not None
    kind = np.dtype(data.imagery.data_type)
    names = {band: data.examples.feature(band) for band in data.imagery.band_names}
    values = np.stack([_pixels(found, name, f"examples.features.{band}", shape) for band, name in names.items()], -1)
    valid = np.isfinite(values).all(axis=-1)
    values[~valid] = 0
    for index, name in enumerate(names.values()):
        _require_fitting(values[..., index], name, kind)
    assert isinstance(data.labels, ExampleLabels)
    feature = data.labels.feature
    try:
        label = task.encoded_values(_pixels(found, feature, "labels.feature", shape), data.labels)
    except LabelError as error:
        raise ValueError(f"feature '{feature}': {error}") from error
    label[~valid] = task.no_data
    return Patch(values.astype(kind), label, valid, row, column)


def _pixels(found: Features, name: str, key: str, shape: tuple[int, int]) -> _Array:
    """A feature's values, float64 (height, width)."""
    if name not in found:
        listed = ", ".join(sorted(found)[:_LISTED]) + (" …" if len(found) > _LISTED else "")
        raise ValueError(f"no feature '{name}'; name it by data.{key}; the record has {listed}")
    values = found[name]
    if values.dtype == object:
        # Earth Engine writes bands of bytes as one byte string.
        values = np.frombuffer(b"".join(values.tolist()), np.uint8)
    height, width = shape
    if values.size != height * width:
        side = int(np.sqrt(values.size))
        fix = (
            f"write export.patch_shape: [{side}, {side}]"
            if side * side == values.size > 0
            else "export.patch_shape must say how many pixels a patch has (height, width)"
        )
        raise ValueError(
            f"feature '{name}' holds {values.size:,} values, and {height} x {width} pixels are {height * width:,}; "
            f"{fix}"
        )
    return values.astype(np.float64).reshape(shape)


def _require_fitting(values: _Array, name: str, kind: np.dtype[Any]) -> None:
    if kind.kind == "f":
        return
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    wrong = (values < low) | (values > high) | (values != np.rint(values))
    if wrong.any():
        raise ValueError(
            f"feature '{name}' holds {values[wrong][0]:g}, which {kind.name} cannot hold; use "
            "data.imagery.data_type: float32"
        )


class _Split:
    """The shards of one split while they are written, in turn."""

    def __init__(self, name: str, folder: Path, shards_at_most: int, task: Task, stack: ExitStack) -> None:
        self.name, self.examples = name, 0
        self._folder, self._most, self._task, self._stack = folder, shards_at_most, task, stack
        self._files: list[BinaryIO] = []
        self._counts: list[int] = []
        self._labels: list[LabelStatistics] = []
        self._unlabelled: list[int] = []
        self._masked: list[int] = []

    def add(self, patch: Patch) -> None:
        """Writes a patch."""
        place = self.examples % self._most
        if place == len(self._files):
            self._files.append(self._stack.enter_context(self._part(place).open("wb")))
            self._labels.append(self._task.statistics(np.zeros(0, self._task.data_type)))
            for numbers in (self._counts, self._unlabelled, self._masked):
                numbers.append(0)
        there = labelled(patch.label)
        self._files[place].write(shards.frame(patch.encode()))
        self._counts[place] += 1
        self._labels[place] = reduce(operator.add, (self._labels[place], self._task.statistics(patch.label[there])))
        self._unlabelled[place] += int((~there).sum())
        self._masked[place] += int((~patch.valid).sum())
        self.examples += 1

    def close(self) -> Iterator[WrittenShard]:
        """Gives the files, which are closed, their names."""
        for place, count in enumerate(self._counts):
            name = shard_name(self.name, place, len(self._counts))
            self._part(place).replace(self._folder / name)
            yield WrittenShard(
                self.name, name, count, self._labels[place], self._unlabelled[place], self._masked[place]
            )

    def _part(self, place: int) -> Path:
        return self._folder / f"{self.name}-{place:05d}.part"


def _manifest(data: Data, export: Export, files: Sequence[Found], owned: Owners, told: str, layout: Layout) -> Manifest:
    assert data.examples is not None
    taken = [[file.name, file.size, file.version] for file in files]
    described = json.dumps([taken, data.examples.model_dump(mode="json"), data.labels.model_dump(mode="json")])
    placed = owned if isinstance(owned, ByMixer) else None
    nowhere = {"crs": "", "transform": [1, 0, 0, 0, 1, 0], "shape": list(layout.shape)}
    return Manifest(
        grid=placed.mixer.grid.to_json() if placed else nowhere,
        bands=data.imagery.band_names,
        data_type=data.imagery.data_type,
        patch_shape=export.patch_shape,
        task=task_of(data).record,
        label_type=task_of(data).data_type,
        splits={},
        gap=min(export.patch_shape) if placed else 0,
        block_shape=placed.block_shape if placed else layout.block_shape,
        split_areas={split: mapping(area) for split, area in placed.areas().items()} if placed else {},
        seed=export.seed,
        placed=placed is not None,
        told=told,
        expression_hash=hashlib.sha256(described.encode()).hexdigest(),
        sources=tuple(
            SourceRecord(asset=pattern, role="examples")
            for patterns in data.examples.patterns.values()
            for pattern in patterns
        ),
    )
