"""The patches of a split as samples: by position, or in order."""

from collections.abc import Iterator
from pathlib import Path

from earthline.datasets.records import Records
from earthline.datasets.samples import Sample, decode
from earthline.formats.manifest import Manifest


class Patches:
    """The patches of a split.

    Attributes:
        name: `train`, `validation` or `test`.
        manifest: Of the dataset.
        records: As they stand in the files.
    """

    def __init__(self, folder: Path, manifest: Manifest, name: str) -> None:
        """Nothing is read yet.

        Args:
            folder: Of the dataset.
            manifest: What lies there.
            name: Of the split.
        """
        self.name, self.manifest = name, manifest
        self.records = Records(folder, manifest, name)

    def __len__(self) -> int:
        """Number of patches."""
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """One patch, read from its file; see `earthline.datasets` for its keys.

        Args:
            index: Its position, from 0; negative ones count from the end.

        Raises:
            IndexError: There is none.
            TypeError: The files are packed by gzip, which has no positions.
            ShardError: Its file is damaged.
            OSError: Its file cannot be read.
        """
        return decode(self.records.at(index), self.manifest)

    def __iter__(self) -> Iterator[Sample]:
        """All patches in the order of the files, one in memory at a time. Errors as of `__getitem__`."""
        return self.samples(self.records.paths)

    def samples(self, paths: list[Path]) -> Iterator[Sample]:
        """The patches of some of the files, in order. Errors as of `__getitem__`.

        Args:
            paths: Some of `records.paths`.
        """
        return (decode(record, self.manifest) for record in self.records.stream(paths))
