"""The Beam pipeline: shards | statistics of each | their sum by split. Plumbing only; the work is done elsewhere."""

import functools
import operator
from collections.abc import Iterable, Iterator
from typing import ClassVar
from uuid import uuid4

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.validate_examples.reading import Reader
from components.validate_examples.statistics.split import SplitStatistics
from earthline.formats.manifest import SPLITS


def gather(reader: Reader) -> dict[str, SplitStatistics]:
    """Reads every shard once; never more than a few patches of it are in memory.

    Args:
        reader: Of the dataset.

    Returns:
        By split, in the order of `SPLITS`.
    """
    splits = reader.manifest.splits
    shards = [(split, place) for split, summary in splits.items() for place in range(len(summary.shards))]
    kept = Keep(uuid4().hex)
    # "DirectRunner" by name would try to download another runner's binary first.
    with beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([])) as pipeline:
        _ = (
            pipeline
            | "shards" >> beam.Create(shards, reshuffle=False)
            | "read" >> beam.ParDo(ReadShard(reader))
            | "add" >> beam.CombinePerKey(AddStatistics())
            | "keep" >> beam.MapTuple(kept)
        )
    found = kept.taken()
    return {split: found[split] for split in SPLITS if split in found}


class ReadShard(beam.DoFn):  # type: ignore[misc]  # Beam publishes no types
    """Gives the statistics of a shard."""

    def __init__(self, reader: Reader) -> None:
        """Keeps what every shard needs."""
        self._reader = reader

    def process(self, shard: tuple[str, int]) -> Iterator[tuple[str, SplitStatistics]]:
        """Adds up the parts of a shard, so that one sum leaves it."""
        split, place = shard
        yield split, functools.reduce(operator.add, self._reader.statistics(split, place))


class AddStatistics(beam.CombineFn):  # type: ignore[misc]  # Beam publishes no types
    """Adds statistics; of nothing there are none."""

    def create_accumulator(self) -> SplitStatistics | None:
        """Nothing yet."""
        return None

    def add_input(self, total: SplitStatistics | None, one: SplitStatistics) -> SplitStatistics:
        """The sum with one more."""
        return one if total is None else total + one

    def merge_accumulators(self, totals: Iterable[SplitStatistics | None]) -> SplitStatistics | None:
        """The sum of sums."""
        return functools.reduce(self._both, totals, None)

    def extract_output(self, total: SplitStatistics | None) -> SplitStatistics | None:
        """The sum itself."""
        return total

    @staticmethod
    def _both(one: SplitStatistics | None, two: SplitStatistics | None) -> SplitStatistics | None:
        return one + two if one is not None and two is not None else one or two


class Keep:
    """Hands results over to who started the pipeline: its runner works in this process, on copies of this object."""

    _results: ClassVar[dict[str, dict[str, SplitStatistics]]] = {}

    def __init__(self, name: str) -> None:
        """Keeps the name by which the results are found."""
        self._name = name

    def __call__(self, split: str, total: SplitStatistics) -> None:
        """Keeps one split's."""
        self._results.setdefault(self._name, {})[split] = total

    def taken(self) -> dict[str, SplitStatistics]:
        """Everything that was kept; forgotten here."""
        return self._results.pop(self._name, {})
