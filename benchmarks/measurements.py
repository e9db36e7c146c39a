"""Measurements beside a named alternative or limit, of ways that take turns."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """A measurement.

    Attributes:
        name: What was measured.
        value: How much, in `unit`.
        beside: The alternative or limit.
        reference: How much that took in the same run, in `unit`.
        unit: Unit of both.
    """

    name: str
    value: float
    beside: str
    reference: float
    unit: str

    @property
    def ratio(self) -> float:
        """Value over reference; below 1 is faster for times."""
        return self.value / self.reference


@dataclass(frozen=True)
class Taken:
    """What a way took.

    Attributes:
        seconds: On the clock. On a machine with other work it says more of that work.
        processor: Seconds that the processors worked for it, all of this process' threads together.
    """

    seconds: float
    processor: float


def in_turn(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Taken]:
    """The medians of some rounds in which all ways take turns; a first one, which prepares, does not count.

    Args:
        ways: By name.
        rounds: How often each is measured.
    """
    found: dict[str, list[Taken]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = Taken(time.perf_counter(), time.process_time())
            way()
            if turn:
                found[name].append(Taken(time.perf_counter() - began.seconds, time.process_time() - began.processor))
    return {
        name: Taken(
            statistics.median(each.seconds for each in taken), statistics.median(each.processor for each in taken)
        )
        for name, taken in found.items()
    }
