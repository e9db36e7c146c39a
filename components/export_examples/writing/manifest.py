"""The Beam step that writes the manifest."""

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from components.export_examples.writing.files import write_whole
from components.export_examples.writing.shards import WrittenShard
from earthline.formats.manifest import MANIFEST, Manifest, Shard, SplitSummary


@dataclass(frozen=True)
class WriteManifest:
    """Writes the manifest once every shard is there.

    Attributes:
        folder: A path or a gs:// URI.
        manifest: Complete but for its `splits` and `requests`.
    """

    folder: str
    manifest: Manifest

    def __call__(self, written: Sequence[WrittenShard]) -> None:
        """Fills in the splits and writes."""
        splits = {}
        for split in sorted({shard.split for shard in written}):
            shards = sorted((shard for shard in written if shard.split == split), key=lambda shard: shard.shard)
            labels = functools.reduce(operator.add, (shard.labels for shard in shards))
            splits[split] = SplitSummary(
                examples=sum(shard.examples for shard in shards),
                shards=tuple(Shard(name=shard.shard, examples=shard.examples) for shard in shards),
                labels=labels.to_json(),
                labelled_pixels=labels.pixels,
                unlabelled_pixels=sum(shard.unlabelled for shard in shards),
                masked_pixels=sum(shard.masked for shard in shards),
            )
        complete = self.manifest.model_copy(
            update={"splits": splits, "requests": sum(shard.requests for shard in written)}
        )
        write_whole(self.folder, MANIFEST, [complete.model_dump_json(indent=2).encode() + b"\n"])
