"""Which split a record made elsewhere belongs to."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import shapely

from components.export_examples.existing.mixer import Mixer, MixerError
from components.export_examples.planning import dealing
from components.export_examples.planning.blocks import SplitError
from earthline.blocks import edges
from earthline.config import Export
from earthline.formats.manifest import SPLITS

Array = np.ndarray[Any, Any]
Features = Mapping[str, Array]


@dataclass(frozen=True)
class Place:
    """One record among all.

    Attributes:
        file: Whole name of its file.
        index: Its place in the file, from 0.
        overall: Its place among the records of all files, from 0.
    """

    file: str
    index: int
    overall: int


class Owners(Protocol):
    """A way to split."""

    def of(self, place: Place, features: Features) -> str:
        """Split of a record; empty where no split may have it. Raises ValueError, which names the feature."""
        ...


@dataclass(frozen=True)
class ByFile:
    """All records of a file belong together.

    Attributes:
        splits: By the file's whole name.
    """

    splits: Mapping[str, str]

    def of(self, place: Place, features: Features) -> str:
        """As `Owners.of`."""
        return self.splits[place.file]


@dataclass(frozen=True)
class ByRecord:
    """Each record for itself: a place in the order of a hash.

    Attributes:
        shares: By split; sum 1.
        seed: Of the order.
    """

    shares: Mapping[str, float]
    seed: int

    def of(self, place: Place, features: Features) -> str:
        """As `Owners.of`."""
        digest = hashlib.sha256(f"{self.seed} {place.overall}".encode()).digest()
        drawn = int.from_bytes(digest[:8], "big") / 2**64
        for split in SPLITS[:-1]:
            drawn -= self.shares[split]
            if drawn < 0:
                return split
        return SPLITS[-1]


@dataclass(frozen=True)
class ByKey:
    """Records with the same value of a feature belong together.

    Attributes:
        key: The feature.
        splits: By its value.
    """

    key: str
    splits: Mapping[str, str]

    def of(self, place: Place, features: Features) -> str:
        """As `Owners.of`."""
        return self.splits[key_of(features, self.key)]


@dataclass(frozen=True)
class ByMixer:
    """Blocks of ground; train leaves out what touches validation or test, and validation what touches test.

    Attributes:
        mixer: Where patches lie.
        owners: Place in `SPLITS` of each patch's split, -1 for none, (patches down, patches across).
        block_shape: Pixels (height, width) of a block.
    """

    mixer: Mixer
    owners: Array
    block_shape: tuple[int, int] = field(default=(1, 1))

    def of(self, place: Place, features: Features) -> str:
        """As `Owners.of`."""
        if place.overall >= self.mixer.total:
            raise ValueError(
                f"{self.mixer.name} tells of {self.mixer.total:,} patches, the files hold more; name the files of its "
                "export alone"
            )
        owner = int(self.owners[divmod(place.overall, self.mixer.per_row)])
        return SPLITS[owner] if owner >= 0 else ""

    def areas(self) -> dict[str, Any]:
        """The ground of each split, in pixels of the mixer's grid (x = column, y = row)."""
        height, width = self.mixer.patch_shape
        areas = {}
        for owner, split in enumerate(SPLITS):
            rows, columns = np.nonzero(self.owners == owner)
            boxes = shapely.box(columns * width, rows * height, (columns + 1) * width, (rows + 1) * height)
            areas[split] = shapely.union_all(boxes)
        return areas


def key_of(features: Features, key: str) -> str:
    """The value of a feature that says what stays together, as text.

    Args:
        features: Of a record.
        key: Name of the feature.

    Raises:
        ValueError: It is missing, or is not one value.
    """
    if key not in features:
        raise ValueError(
            f"no feature '{key}', which data.examples.split.key names; it has {', '.join(sorted(features))}"
        )
    values = features[key]
    if len(values) != 1:
        raise ValueError(f"feature '{key}' of data.examples.split.key holds {len(values)} values instead of one")
    value = values[0]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else f"{value:.9g}"


def deal(weights: Mapping[str, float], export: Export, what: str) -> dict[str, str]:
    """Deals what stays together, so that splits have about their shares of all records.

    Args:
        weights: Records of each, or what grows with them.
        export: The config's section.
        what: What they are, as a plural, for messages.

    Returns:
        Split of each.

    Raises:
        SplitError: Fewer than splits.
    """
    names = sorted(weights)
    if len(names) < len(SPLITS):
        raise SplitError(
            f"data.examples.split: {len(names)} {what} cannot be dealt to {', '.join(SPLITS)}; choose another `by`, or "
            "name the files of each split"
        )
    mixed = [names[place] for place in np.random.default_rng(export.seed).permutation(len(names))]
    # The largest goes where most is wanted, and each split has one at least.
    mixed.sort(key=lambda name: -weights[name])
    shares: dict[str, float] = {str(split): share for split, share in export.shares.items()}
    wanted = {split: share * sum(weights.values()) for split, share in shares.items()}
    owners: dict[str, str] = {}
    for place, name in enumerate(mixed):
        left = len(mixed) - place
        empty = [split for split in SPLITS if split not in owners.values()]
        split = max(empty if left <= len(empty) else SPLITS, key=lambda split: wanted[split])
        owners[name], wanted[split] = split, wanted[split] - weights[name]
    return owners


def by_key(key: str, counts: Mapping[str, int], export: Export) -> ByKey:
    """Deals the values of a feature; values that are names of splits are taken at their word.

    Args:
        key: The feature.
        counts: Records by value.
        export: The config's section.

    Raises:
        SplitError: Fewer values than splits.
    """
    if set(counts) == set(SPLITS):
        return ByKey(key, {split: split for split in SPLITS})
    return ByKey(key, deal(counts, export, f"values of the feature '{key}'"))


def by_mixer(mixer: Mixer, export: Export) -> ByMixer:
    """Deals blocks of patches.

    Args:
        mixer: Where patches lie.
        export: The config's section.

    Raises:
        MixerError: Patches of another shape than the config's.
        SplitError: Too few blocks, or a split without a patch.
    """
    height, width = mixer.patch_shape
    if (height, width) != export.patch_shape:
        raise MixerError(
            f"{mixer.name}: patches are {height} x {width} pixels; write export.patch_shape: [{height}, {width}]"
        )
    shape = mixer.grid.shape[0] // height, mixer.grid.shape[1] // width
    block = max(1, round(export.block_shape[0] / height)), max(1, round(export.block_shape[1] / width))
    rows, columns = (edges(length, side) for length, side in zip(shape, block, strict=True))
    shares: dict[str, float] = {str(split): share for split, share in export.shares.items()}
    cards = dealing.deal((len(rows) - 1) * (len(columns) - 1), shares, export.seed)
    of_blocks = cards.reshape(len(rows) - 1, len(columns) - 1)
    owners = of_blocks.repeat(np.diff(rows), axis=0).repeat(np.diff(columns), axis=1)
    owners.reshape(-1)[mixer.total :] = -1
    kept = owners.copy()
    for owner in range(len(SPLITS) - 1):
        kept[(owners == owner) & _beside(owners > owner)] = -1
    for owner, split in enumerate(SPLITS):
        if not (kept == owner).any():
            raise SplitError(
                f"export.block_shape: empty split '{split}': no patch is left once a gap of one patch is kept from the "
                "other splits; use larger blocks, or another export.seed"
            )
    return ByMixer(mixer, kept, (block[0] * height, block[1] * width))


def files_by_split(found: Mapping[str, Sequence[str]]) -> ByFile:
    """Files whose split the config names.

    Args:
        found: Whole names by split.

    Raises:
        SplitError: A file in two splits.
    """
    splits: dict[str, str] = {}
    for split, names in found.items():
        for name in names:
            if name in splits:
                raise SplitError(f"data.examples: {name} is in {splits[name]} and in {split}; name it in one")
            splits[name] = split
    return ByFile(splits)


def _beside(there: Array) -> Array:
    """True for patches that touch one that is there, corners included."""
    wide = np.pad(there, 1)
    height, width = there.shape
    around = [wide[down : down + height, across : across + width] for down in range(3) for across in range(3)]
    return np.asarray(np.any(around, axis=0))
