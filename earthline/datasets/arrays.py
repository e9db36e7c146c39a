"""A split as whole arrays, in memory or mapped from files."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from earthline.datasets.samples import Sample
from earthline.formats.manifest import Manifest
from earthline.formats.shards import ShardError

Array = np.ndarray[Any, Any]
_PART = ".part"


@dataclass(frozen=True)
class Arrays:
    """All patches of a split, in the order of its files.

    Attributes:
        image: (patches, height, width, bands), in the dataset's data type; 0 where masked.
        mask: (patches, height, width), the labels, of the dataset's label type; `Dataset.no_label` where there is none.
        valid: bool (patches, height, width), True where every band is valid.
        corner: int64 (patches, 2), row and column of each patch's first pixel on the dataset's grid; -1 where the files
            do not hold them.
    """

    image: Array
    mask: Array
    valid: Array
    corner: Array


def read(samples: Iterable[Sample], manifest: Manifest, split: str, keep: Path | None) -> Arrays:
    """Reads a split whole.

    Args:
        samples: Its samples, in order.
        manifest: Of the dataset.
        split: Name of the split.
        keep: Folder of files that the arrays are mapped from, read-only; written where they are missing or belong to
            another dataset. None for arrays in memory.

    Raises:
        ShardError: A file holds less or more than the manifest says, or is damaged.
        OSError: A file cannot be read or written.
    """
    summary, (height, width) = manifest.splits[split], manifest.patch_shape
    count = summary.examples
    kinds: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {
        "image": ((count, height, width, len(manifest.bands)), np.dtype(manifest.data_type)),
        "mask": ((count, height, width), np.dtype(manifest.label_type)),
        "valid": ((count, height, width), np.dtype(bool)),
        "corner": ((count, 2), np.dtype(np.int64)),
    }
    if keep is None:
        arrays = Arrays(**{name: np.empty(shape, kind) for name, (shape, kind) in kinds.items()})
        _fill(arrays, samples, split)
        return arrays
    files = {name: keep / f"{split}-{name}.npy" for name in kinds}
    told = keep / f"{split}.json"
    belongs = {
        "shards": [shard.model_dump() for shard in summary.shards],
        "expression_hash": manifest.expression_hash,
    }
    if not _is_of(told, belongs):
        keep.mkdir(parents=True, exist_ok=True)
        told.unlink(missing_ok=True)
        parts = {name: path.with_name(path.name + _PART) for name, path in files.items()}
        mapped = {
            name: np.lib.format.open_memmap(parts[name], "w+", kind, shape) for name, (shape, kind) in kinds.items()
        }
        _fill(Arrays(**mapped), samples, split)
        for name, path in files.items():
            mapped.pop(name).flush()
            os.replace(parts[name], path)
        # Last of all: what an interrupted call left counts for nothing.
        told.write_text(json.dumps(belongs), encoding="utf-8")
    return Arrays(**{name: np.load(path, mmap_mode="r") for name, path in files.items()})


def _is_of(told: Path, belongs: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(told.read_text(encoding="utf-8")) == belongs)
    except (OSError, ValueError):
        return False


def _fill(arrays: Arrays, samples: Iterable[Sample], split: str) -> None:
    count, place = len(arrays.image), 0
    for sample in samples:
        if place < count:
            for field in fields(arrays):
                if field.name != "corner":
                    getattr(arrays, field.name)[place] = sample[field.name]
            arrays.corner[place] = sample.get("row", -1), sample.get("column", -1)
        place += 1
    if place != count:
        raise ShardError(
            f"split '{split}' holds {place:,} examples, the manifest says {count:,}; copy its files again from where "
            "the dataset came from, or export the examples again"
        )
