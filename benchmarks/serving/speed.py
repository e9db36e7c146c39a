"""Requests a second and their times, beside the limits and beside other servers, all of the same model and tiles."""

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurements import Measurement
from benchmarks.serving import processes
from benchmarks.serving.prepared import SIZES, Size, prepare
from benchmarks.serving.processes import BenchmarkError, Server, Worker
from benchmarks.serving.rivals import environment

CONCURRENCIES = {1: 1, 8: 1, 40: 2}
"""Requests at once, and how many times as long each is measured: 40 take half a second until each was answered once."""
_PREPARING_SECONDS = 0.5
BATCHES = (1, 8)
GOOD = "200"


def measure(*, names: tuple[str, ...] = tuple(SIZES), rounds: int = 2, seconds: float = 2) -> list[Measurement]:
    """All servers and limits in turn, the median of some rounds: for three models it takes five minutes.

    Args:
        names: Models of `prepared.SIZES`.
        rounds: How often each is measured.
        seconds: That each measurement takes, and twice that with 40 requests at once.
    """
    found = []
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            prepare(Path(place), name)
            found += _of_model(Path(place), SIZES[name], rounds, seconds)
    return found


class Rates:
    """What each way achieved, by its name and what was asked of it."""

    def __init__(self) -> None:
        """Begins empty."""
        self._found: dict[tuple[str, str, int], list[float]] = {}

    def add(self, way: str, what: str, number: int, value: float) -> None:
        """Takes the value of a round."""
        self._found.setdefault((way, what, number), []).append(value)

    def of(self, way: str, what: str, number: int) -> float:
        """The median of all rounds."""
        return statistics.median(self._found[way, what, number])


def _of_model(folder: Path, size: Size, rounds: int, seconds: float) -> list[Measurement]:
    shape = (size.tile, size.tile)
    with contextlib.ExitStack() as stack:
        limits = {
            which: stack.enter_context(Worker("benchmarks.serving.in_process", str(folder), which))
            for which in ("chosen", "tensorflow")
        }
        limits["tensorflow"](shape=shape, write=True)
        generator = stack.enter_context(Worker("benchmarks.serving.load", str(folder)))
        servers = list(_servers(folder, stack))
        rates = Rates()
        for turn in range(rounds + 1):  # the first prepares, and does not count
            length = seconds if turn else _PREPARING_SECONDS
            for which, worker in limits.items():
                for batch in BATCHES:
                    told = worker(shape=shape, batch=batch, seconds=length)
                    if turn:
                        rates.add(which, "rate", batch, told["tiles"] / told["seconds"])
                        rates.add(which, "processor", batch, told["processor"] / told["tiles"])
            for server in servers:
                for concurrency, times in CONCURRENCIES.items():
                    _loaded(generator, server, concurrency, times * length, rates if turn else Rates())
    return list(_told(size, servers, rates))


def _servers(folder: Path, stack: contextlib.ExitStack) -> Iterator[Server]:
    logs = folder.parent
    yield stack.enter_context(processes.product(folder, logs / f"{folder.name}.earthline.log"))
    python = environment.python()
    if python is None:
        return
    for name, script, health, path in (
        ("FastAPI", "fastapi_server", "/health", "/predict"),
        ("KServe", "kserve_server", "/v2/health/ready", "/v1/models/tiles:predict"),
    ):
        port = processes.free_port()
        command = [str(python), str(Path(environment.__file__).with_name(f"{script}.py")), str(folder), str(port)]
        log = logs / f"{folder.name}.{script}.log"
        try:
            started = processes.serving(name, command, log, port=port, health=health, path=path)
            yield stack.enter_context(started)
        except BenchmarkError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)


def _loaded(generator: Worker, server: Server, concurrency: int, seconds: float, rates: Rates) -> None:
    before = server.processor_seconds()
    told = generator(host="127.0.0.1", port=server.port, path=server.path, concurrency=concurrency, seconds=seconds)
    others = {status: count for status, count in told["statuses"].items() if status not in (GOOD, "429")}
    if told["wrong"] or others or not told["latencies"]:
        raise BenchmarkError(f"{server.name} at concurrency {concurrency}: {others} {told['wrong'][:3]}")
    spent = server.processor_seconds() - before
    rates.add(server.name, "rate", concurrency, len(told["latencies"]) / told["seconds"])
    rates.add(server.name, "processor", concurrency, spent / len(told["latencies"]))
    for share in (50, 99):
        rates.add(server.name, f"p{share}", concurrency, _quantile(told["latencies"], share))
    rates.add(server.name, "generator", concurrency, told["processor"] / len(told["latencies"]))
    rates.add(server.name, "refused", concurrency, told["statuses"].get("429", 0))


def _quantile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _told(size: Size, servers: list[Server], rates: Rates) -> Iterator[Measurement]:
    own, *others = servers
    best = {which: max(rates.of(which, "rate", batch) for batch in BATCHES) for which in ("chosen", "tensorflow")}
    cheapest = 1_000 * min(rates.of("chosen", "processor", batch) for batch in BATCHES)
    limit, plain = "the chosen runtime in process", "TensorFlow in process"
    yield Measurement(f"{size.told}: {limit}", best["chosen"], plain, best["tensorflow"], "1/s")
    others_cheapest = 1_000 * min(rates.of("tensorflow", "processor", batch) for batch in BATCHES)
    yield Measurement("  processor time of a tile", cheapest, plain, others_cheapest, "ms")
    for at_once in CONCURRENCIES:
        rate = rates.of(own.name, "rate", at_once)
        name = f"  {at_once} at a time"
        yield Measurement(name, rate, limit, best["chosen"], "1/s")
        for other in others:
            yield Measurement(name, rate, other.name, rates.of(other.name, "rate", at_once), "1/s")
        spent = 1_000 * rates.of(own.name, "processor", at_once)
        yield Measurement("    processor time of a request", spent, "of a tile in process", cheapest, "ms")
        for other in others:
            reference = 1_000 * rates.of(other.name, "processor", at_once)
            yield Measurement("    processor time of a request", spent, other.name, reference, "ms")
        for share in ("p50", "p99"):
            value = 1_000 * rates.of(own.name, share, at_once)
            for other in others:
                yield Measurement(f"    {share}", value, other.name, 1_000 * rates.of(other.name, share, at_once), "ms")
        # Whoever is last in a full queue waits for all before it. At the rate that was reached, with nobody overtaken,
        # each waits for as many as are under way: above that, the time is the order's; below, it is the rate's.
        yield Measurement("    p99", value, "all of them in process", 1_000 * at_once / best["chosen"], "ms")
        yield Measurement("    p99", value, "all of them at this rate", 1_000 * at_once / rate, "ms")
        asking = 1_000 * rates.of(own.name, "generator", at_once)
        yield Measurement("    processor time of asking, on the same cores", asking, "of the request", spent, "ms")
        if refused := rates.of(own.name, "refused", at_once):
            yield Measurement("    refused (429)", refused, "answers a second", rate, "")
    for other in others:
        yield Measurement("  ready, from its start", own.ready_seconds, other.name, other.ready_seconds, "s")


if __name__ == "__main__":
    for each in measure(names=tuple(sys.argv[1:]) or tuple(SIZES)):
        told = (
            f"{each.name:62} {each.value:9.2f} {each.unit:4} {each.beside:32} {each.reference:9.2f}  {each.ratio:.2f}"
        )
        print(told, flush=True)
