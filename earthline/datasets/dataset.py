"""A dataset's folder: what it holds, and its splits."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from earthline.datasets.split import Split
from earthline.formats.examples import no_label
from earthline.formats.manifest import MANIFEST, SCHEMA_VERSION, SPLITS, Manifest
from earthline.grid import Grid


class DatasetError(ValueError):
    """A folder that is no whole dataset; says what is missing and what to do."""


class Dataset:
    """Examples that were exported into a folder.

    Attributes:
        folder: Where they lie.
        manifest: All that is known of them.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """See `open`.

        Args:
            folder: Where the examples lie.
            manifest: All that is known of them.
        """
        self.folder, self.manifest = folder, manifest
        self._splits = {name: Split(folder, manifest, name) for name in SPLITS if name in manifest.splits}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits; `dataset[name]` is one."""
        return tuple(self._splits)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the images' bands, in order."""
        return self.manifest.bands

    @property
    def patch_shape(self) -> tuple[int, int]:
        """Shape of every patch in pixels (height, width)."""
        return self.manifest.patch_shape

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the numbers in `mask`; empty where labels are values."""
        return self.manifest.task.entries if self.manifest.task.kind == "classes" else ()

    @property
    def no_label(self) -> int | float:
        """What `mask` holds where there is no label: the largest number of its type, or the lowest float."""
        return no_label(self.manifest.label_type)

    @cached_property
    def grid(self) -> Grid | None:
        """Pixels of the whole region, on which `row` and `column` count; None where nobody knows where patches lie."""
        return Grid.from_json(self.manifest.grid) if self.manifest.placed else None

    def place(self, row: int, column: int) -> Grid:
        """Where a patch lies: its CRS, transform and shape.

        Args:
            row: Of its first pixel, as a sample tells it.
            column: Likewise.

        Raises:
            ValueError: Nobody knows where patches lie.
        """
        if self.grid is None:
            raise ValueError("the examples were made elsewhere and do not say where they lie")
        return self.grid.window(int(row), int(column), self.patch_shape)

    def __getitem__(self, name: str) -> Split:
        """A split.

        Args:
            name: `train`, `validation` or `test`.

        Raises:
            KeyError: There is none of this name.
        """
        if name not in self._splits:
            raise KeyError(f"there is no split '{name}'; the dataset has {', '.join(self._splits)}")
        return self._splits[name]

    def __iter__(self) -> Iterator[str]:
        """Names of the splits."""
        return iter(self._splits)

    def __len__(self) -> int:
        """Number of splits."""
        return len(self._splits)

    def __str__(self) -> str:
        """What the folder holds, in a few lines."""
        manifest, (height, width) = self.manifest, self.patch_shape
        where = f", {self.grid.crs_name}" if self.grid is not None else ""
        labels = f"{', '.join(self.classes)} (0 to {len(self.classes) - 1})" if self.classes else manifest.task.told
        lines = [
            f"{self.folder}: patches of {height} x {width} px{where}",
            f"bands: {', '.join(self.bands)} ({manifest.data_type})",
            f"labels: {labels}; {self.no_label:g} where there is none ({manifest.label_type})",
            *(f"{name}: {len(split):,} patches" for name, split in self._splits.items()),
        ]
        return "\n".join([*lines, *(text for text in (manifest.attribution, manifest.caveat) if text)])


def open(folder: str | Path) -> Dataset:
    """Opens a folder that `earthline export` wrote, or a step of a pipeline.

    Args:
        folder: Its path on this machine.

    Raises:
        DatasetError: There is no whole dataset.
    """
    if str(folder).startswith("gs://"):
        raise DatasetError(
            f"{folder} lies in a bucket; copy it to this machine first: `gcloud storage cp --recursive {folder} .`"
        )
    place = Path(folder)
    try:
        manifest = Manifest.read(place)
    except FileNotFoundError as error:
        missing = "which its export writes last: start that again" if place.is_dir() else "nor a folder of this name"
        raise DatasetError(f"{place}: there is no {MANIFEST}, {missing}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "its text"
        raise DatasetError(
            f"{place / MANIFEST} is not of version {SCHEMA_VERSION}, which this Earthline reads ({key}: "
            f"{first['msg']}); export the examples again, or use the Earthline that wrote them"
        ) from error
    problems = [problem for split in manifest.splits.values() for s in split.shards if (problem := s.problem(place))]
    if problems:
        raise DatasetError(f"{place}: {problems[0]}")
    return Dataset(place, manifest)
