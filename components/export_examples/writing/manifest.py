"""The manifest: what was written, added up; it comes last, so that a folder without one is not finished."""

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.export_examples.writing.files import write_whole
from components.export_examples.writing.shards import WrittenShard
from earthline.formats.manifest import MANIFEST, Manifest, Shard, SplitSummary


@dataclass(frozen=True)
class WriteManifest:
    """Writes the manifest once every shard is there.

    Attributes:
        folder: A path or a gs:// URI.
        manifest: Complete but for its `splits`.
        lost: By split, how many planned patches have no example.
    """

    folder: str
    manifest: Manifest
    lost: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, written: Sequence[WrittenShard]) -> Manifest:
        """Fills in the splits and writes."""
        splits = {}
        for split in sorted({shard.split for shard in written}):
            shards = sorted((shard for shard in written if shard.split == split), key=lambda shard: shard.shard)
            labels = functools.reduce(operator.add, (shard.labels for shard in shards))
            splits[split] = SplitSummary(
                examples=sum(shard.examples for shard in shards),
                shards=tuple(
                    Shard(name=shard.shard, examples=shard.examples, bytes=shard.bytes, crc32c=shard.crc32c)
                    for shard in shards
                ),
                labels=labels.to_json(),
                labelled_pixels=labels.pixels,
                unlabelled_pixels=sum(shard.unlabelled for shard in shards),
                masked_pixels=sum(shard.masked for shard in shards),
                lost=self.lost.get(split, 0),
            )
        complete = self.manifest.model_copy(update={"splits": splits})
        write_whole(self.folder, MANIFEST, [complete.model_dump_json(indent=2).encode() + b"\n"])
        return complete
