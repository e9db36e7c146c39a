"""TFRecords made elsewhere become the dataset: read as a stream, checked one by one, written as our own."""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from shapely.geometry import mapping

from components.export_examples.existing import records
from components.export_examples.existing.layout import Layout
from components.export_examples.existing.mixer import MixerError
from components.export_examples.existing.owners import ByMixer, Owners
from components.export_examples.fetching.progress import SECONDS as PROGRESS_SECONDS
from components.export_examples.planning.blocks import SplitError
from components.export_examples.writing.files import Written
from components.export_examples.writing.layout import count as count_shards
from components.export_examples.writing.manifest import WriteManifest
from components.export_examples.writing.shards import GZIP, PACKED, Counted, WrittenShard, laid_out, packed
from earthline.config import Data, Export
from earthline.formats import shards
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, Manifest, SourceRecord, shard_name
from earthline.storage.patterns import Found, find
from earthline.task import task_of

MOST_EXAMPLES = 1 << 40
_logger = logging.getLogger(__name__)


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
    data = records.with_data_type(data)
    found = {split: find(patterns, project) for split, patterns in section.patterns.items()}
    files = sorted((file for some in found.values() for file in some), key=lambda file: file.name)
    _logger.info("export_examples: takes %d files, %.1f MB", len(files), sum(file.size for file in files) / 1e6)
    owned, told = records.owners_of(section, export, found, project)
    size = sum(file.size for file in files)
    with ExitStack() as stack:
        splits = {split: _Split(split, folder, size, data, export, stack) for split in SPLITS}
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
    for place, found in records.every(files, project):
        count += 1
        try:
            split = owned.of(place, found)
            if not split:
                continue
            if isinstance(owned, ByMixer):
                row, column = owned.mixer.corner(place.overall)
            else:
                row, column = layout.corner(place, found, split)
            splits[split].add(records.to_patch(found, data, task, export.patch_shape, row, column))
        except ValueError as error:
            raise records.told_of(place, error) from error
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            _logger.info("export_examples: %d records", count)
    return count


class _Split:
    """The shards of one split while they are written, in turn."""

    def __init__(self, name: str, folder: Path, size: int, data: Data, export: Export, stack: ExitStack) -> None:
        self.name, self.examples = name, 0
        self._folder, self._stack, self._export = folder, stack, export
        # How many bytes a split gets is known when all are read; its files are near what they are made from.
        share = size * export.shares[name]  # type: ignore[index]  # one of SPLITS
        self._most = count_shards(MOST_EXAMPLES, int(share), export.shards)
        self._task, self._bands = task_of(data), data.imagery.band_names
        self._files: list[IO[bytes]] = []
        self._counted: list[Counted] = []

    def add(self, patch: Patch) -> None:
        """Writes a patch."""
        place = self.examples % self._most
        if place == len(self._files):
            file: IO[bytes] = self._stack.enter_context(self._part(place).open("wb"))
            if self._export.compress == GZIP:
                file = self._stack.enter_context(packed(file))
            self._files.append(file)
            self._counted.append(Counted(self._task))
        self._files[place].write(shards.frame(laid_out(patch, self._export.format, self._bands)))
        self._counted[place].add(patch)
        self.examples += 1

    def close(self) -> Iterator[WrittenShard]:
        """Gives the files, which are closed, their names."""
        suffix = PACKED if self._export.compress == GZIP else ""
        for place, counted in enumerate(self._counted):
            name = f"{shard_name(self.name, place, len(self._counted))}{suffix}"
            path = self._part(place).replace(self._folder / name)
            yield counted.shard(self.name, name, Written(path.stat().st_size, shards.crc32c(path)))

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
        format=export.format,
        compress=export.compress,
        patch_shape=export.patch_shape,
        task=task_of(data).record,
        label_type=task_of(data).data_type,
        splits={},
        gap=min(export.patch_shape) if placed else 0,
        block_shape=placed.block_shape if placed else layout.block_shape,
        split_areas={split: mapping(area) for split, area in placed.areas().items()} if placed else {},
        seed=export.seed,
        placed=placed is not None,
        design="",
        told=told,
        expression_hash=hashlib.sha256(described.encode()).hexdigest(),
        sources=tuple(
            SourceRecord(asset=pattern, role="examples")
            for patterns in data.examples.patterns.values()
            for pattern in patterns
        ),
    )
