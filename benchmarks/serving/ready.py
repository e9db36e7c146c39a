"""How long a server takes from the start of its process until it is ready, and its memory then."""

import statistics
import tempfile
from pathlib import Path

from benchmarks.measurements import Measurement
from benchmarks.serving import processes
from benchmarks.serving.prepared import prepare

GOAL_SECONDS = 2.0


def measure(*, rounds: int = 5, name: str = "classes") -> list[Measurement]:
    """The median of some starts.

    Args:
        rounds: How often it is started; a first one, which fills the file system's cache, does not count.
        name: Model of `prepared.SIZES`.
    """
    seconds, worked, memory = [], [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "model")
        prepare(folder, name)
        for turn in range(rounds + 1):
            with processes.product(folder, Path(place, "server.log")) as server:
                if turn:
                    seconds.append(server.ready_seconds)
                    worked.append(server.processor_seconds())
                    memory.append(server.memory())
    return [
        Measurement("ready, from the start of its process", statistics.median(seconds), "goal", GOAL_SECONDS, "s"),
        Measurement("  processor time until then", statistics.median(worked), "goal", GOAL_SECONDS, "s"),
        Measurement("  memory then", statistics.median(memory), "the smallest", min(memory), "MB"),
    ]
