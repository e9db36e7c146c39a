"""Records made elsewhere: read one by one, their split found, and made patches of ours."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from components.export_examples.existing import owners
from components.export_examples.existing.mixer import Mixer, MixerError
from components.export_examples.existing.owners import Features, Owners, Place
from earthline.config import Data, ExampleLabels, Examples, Export
from earthline.formats import shards
from earthline.formats.examples import Patch, features
from earthline.storage.patterns import Found, find, reading
from earthline.task import Task, task_of
from earthline.task.labels import LabelError

_LISTED = 12
"""Features that an error names."""
_Array = np.ndarray[Any, Any]


class ExistingError(ValueError):
    """Records that cannot be taken; the text names file, record and feature."""


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
    data = with_data_type(data)
    found = {split: find(patterns, project) for split, patterns in section.patterns.items()}
    for files in found.values():
        first = next(every(files[:1], project), None)
        if first is None:
            raise ExistingError(f"{files[0].name}: holds no record; name other files")
        try:
            to_patch(first[1], data, task_of(data), export.patch_shape, 0, 0)
        except ValueError as error:
            raise told_of(first[0], error) from error
    if section.split is not None and section.split.mixer is not None:
        owners_of(section, export, found, project)
    count = sum(len(files) for files in found.values())
    size = sum(file.size for files in found.values() for file in files)
    height, width = export.patch_shape
    return f"{count:,} files, {size / 1e6:.1f} MB; the first record has every band of {height} x {width} pixels"


def with_data_type(data: Data) -> Data:
    """Whatever type the numbers had where they were made, a record's lists hold floats."""
    if data.imagery.data_type != "auto":
        return data
    return data.model_copy(update={"imagery": data.imagery.model_copy(update={"data_type": "float32"})})


def owners_of(
    section: Examples, export: Export, found: dict[str, tuple[Found, ...]], project: str
) -> tuple[Owners, str]:
    """Which split each record belongs to, and how that was found, in a few words.

    Args:
        section: The config's section.
        export: The config's section.
        found: Files by split; by the empty text where the split is to be made.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        MixerError: The mixer file is of no use.
        SplitError: The records cannot be split as asked.
        ExistingError: A record without the key.
    """
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


def every(files: Sequence[Found], project: str) -> Iterator[tuple[Place, Features]]:
    """The records of files, one after the other.

    Args:
        files: In their order.
        project: Google Cloud project of requests to Cloud Storage.

    Raises:
        ShardError: A damaged file.
        ExistingError: A record that is no example.
    """
    overall = 0
    for file in files:
        with reading(file.name, project) as opened:
            for index, record in enumerate(shards.records(opened, file.name)):
                place = Place(file.name, index, overall)
                try:
                    yield place, features(record)
                except ValueError as error:
                    raise told_of(place, error) from error
                overall += 1


def _keys(files: Sequence[Found], key: str, project: str) -> Iterator[str]:
    for place, found in every(files, project):
        try:
            yield owners.key_of(found, key)
        except ValueError as error:
            raise told_of(place, error) from error


def told_of(place: Place, error: ValueError) -> ValueError:
    """What is wrong with a record, with its file and number."""
    if isinstance(error, ExistingError):
        return error
    return ExistingError(f"{place.file}, record {place.index}: {error}")


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
