"""The prediction server under load for minutes, with clients that misbehave: `python -m benchmarks.serving.soak`.

One request in a hundred is malformed, one is sent and read slowly, one is given up. Memory must stay, every answer must
be that to its own tile, and nothing may end with a 5xx.
"""

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.measurements import Measurement
from benchmarks.serving import processes
from benchmarks.serving.prepared import SIZES, prepare
from benchmarks.serving.processes import Server, Worker

WARM_SECONDS = 30
"""Of the same load, before memory counts: pools and buffers grow to what the load needs."""
EVERY_SECONDS = 1.0
WINDOW_SECONDS = 60
"""At the begin and at the end, whose medians are compared."""


def measure(
    *, minutes: float = 10, concurrency: int = 40, rough: float = 0.01, name: str = "probabilities"
) -> list[Measurement]:
    """Memory, answers and their times.

    Args:
        minutes: How long.
        concurrency: Clients at once.
        rough: Share of malformed requests, of slow ones, and of those that are given up.
        name: Model of `prepared.SIZES`.
    """
    shape = (SIZES[name].tile,) * 2
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "model")
        prepare(folder, name)
        with Worker("benchmarks.serving.in_process", str(folder), "tensorflow") as reference:
            reference(shape=shape, write=True)
        log = Path(place, "server.log")
        with (
            processes.product(folder, log) as server,
            Worker("benchmarks.serving.load", str(folder)) as generator,
        ):
            load = {"host": "127.0.0.1", "port": server.port, "path": server.path, "concurrency": concurrency}
            generator(**load, seconds=WARM_SECONDS, rough=rough)
            with Memory(server) as memory:
                told = generator(**load, seconds=60 * minutes, rough=rough)
            alive = server.process.poll() is None
    return _told(told, memory.samples, alive, concurrency)


class Memory:
    """The memory of a server in MB, sampled while the block runs."""

    def __init__(self, server: Server) -> None:
        """Takes the server."""
        self.samples: list[float] = []
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sampled)

    def __enter__(self) -> "Memory":
        """Begins."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends."""
        self._over.set()
        self._thread.join()

    def _sampled(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self.samples.append(self._server.memory())


def _told(told: dict[str, Any], samples: list[float], alive: bool, concurrency: int) -> list[Measurement]:
    statuses: dict[str, int] = told["statuses"]
    requests = sum(told["behaviour"].values())
    window = max(1, min(int(WINDOW_SECONDS / EVERY_SECONDS), len(samples) // 2))
    first, last = statistics.median(samples[:window]), statistics.median(samples[-window:])
    ordered = sorted(told["latencies"])
    faults = sum(count for status, count in statuses.items() if status.rpartition(": ")[2].startswith("5"))
    malformed = told["behaviour"].get("malformed", 0)
    refused = sum(count for status, count in statuses.items() if status in ("malformed: 400", "malformed: 413"))
    lost = sum(count for status, count in statuses.items() if status in ("good: no answer", "slow: no answer"))
    busy = sum(count for status, count in statuses.items() if status.endswith(": 429"))
    minutes = told["seconds"] / 60
    name = f"{minutes:.1f} min at {concurrency} at a time"
    good = statuses.get("good: 200", 0) + statuses.get("slow: 200", 0)
    return [
        Measurement(f"{name}: memory at the end", last, "at the begin", first, "MB"),
        Measurement("  largest memory", max(samples), "at the begin", first, "MB"),
        Measurement("  good answers", good, "requests", requests, ""),
        Measurement("  wrong answers", len(told["wrong"]), "answers", good, ""),
        Measurement("  answers with 5xx", faults, "requests", requests, ""),
        Measurement("  malformed ones that were refused (400, 413)", refused, "malformed", malformed, ""),
        Measurement("  refused for a full queue (429)", busy, "requests", requests, ""),
        Measurement("  good requests without an answer", lost, "requests", requests, ""),
        Measurement("  good answers a second", len(ordered) / told["seconds"], "seconds", told["seconds"], "1/s"),
        Measurement(
            "  p99", 1_000 * ordered[len(ordered) * 99 // 100], "p50", 1_000 * ordered[len(ordered) // 2], "ms"
        ),
        Measurement("  servers that still run", float(alive), "servers", 1, ""),
    ]


def main() -> int:
    """Soaks and prints; status 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--concurrency", type=int, default=40)
    parser.add_argument(
        "--rough", type=float, default=0.01, help="share of malformed, of slow and of given-up requests"
    )
    parser.add_argument("--model", choices=list(SIZES), default="probabilities")
    options = parser.parse_args()
    begun = time.monotonic()
    found = measure(minutes=options.minutes, concurrency=options.concurrency, rough=options.rough, name=options.model)
    for each in found:
        print(f"{each.name:55} {each.value:12.2f} {each.unit:5} {each.beside:14} {each.reference:12.2f}")
    by_name = {each.name.strip().partition(":")[0]: each for each in found}
    wrong = [
        name for name in ("wrong answers", "answers with 5xx", "good requests without an answer") if by_name[name].value
    ]
    if not by_name["malformed ones that were refused (400, 413)"].ratio == 1:
        wrong.append("a malformed request was not refused")
    if abs(found[0].ratio - 1) > 0.03:
        wrong.append("memory changed by more than 3 %")
    print(f"{time.monotonic() - begun:.0f} s; {'; '.join(wrong) or 'as it should be'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
