"""How fast patches come out of Earth Engine, beside what its quota allows, and beside usual ways.

Everything is measured against `quota_server`, since time is what is measured: 40 requests under way at once, 100 begun
within a second, answers after half a second to two, 2 % refused for their number, 1 % with an error, half a per cent
that take 30 seconds. The reference is what the quota allows: 40 requests of 1.25 seconds, 32 patches a second.

Sustained is the first 95 % of the patches; the whole job ends with the last one.
"""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.measurements import Measurement
from benchmarks.sandbox import sandbox

QUOTA, PER_SECOND, SECONDS = 40, 100, (0.5, 2.0)
ALLOWED = QUOTA / (sum(SECONDS) / 2)
"""Patches a second."""
FAULTS = {"429": 0.02, "503": 0.01, "stall": 0.005}
MANY = {kind: 0.05 for kind in ("429", "503", "stall", "truncated", "shape", "memory", "timeout")}
PATCHES, SOME, FEW = 1_600, 800, 16
WORKERS = 8
QUIET_SECONDS, HALVED_SECONDS = 15.0, 20.0


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        planned: Patches that were asked for.
        begun: When, in seconds.
        times: When each patch arrived.
        which: Places of the patches that arrived.
        lost: Patches that did not arrive, with their reasons.
        wrong: Patches that are not what they should be.
        server: What the server counted.
    """

    planned: int
    begun: float
    times: Sequence[float]
    which: Sequence[Sequence[int]]
    lost: Sequence[str]
    wrong: Sequence[Any]
    server: Mapping[str, Any]

    def rate(self, share: float) -> float:
        """Patches a second until so great a part of the planned ones had arrived; 0 where they never did."""
        wanted = round(share * self.planned)
        if wanted > len(self.times):
            return 0.0
        return wanted / (sorted(self.times)[wanted - 1] - self.begun)

    @property
    def refused(self) -> float:
        """Part of the requests that were refused for their number, 2 % of them at random."""
        counts = self.server["counts"]
        return float((counts.get("429", 0) + counts.get("over", 0)) / counts["requests"])


class Bench:
    """Servers and clients within one sandbox's environment."""

    def __init__(self) -> None:
        """Asks the sandbox once for what is not pixels."""
        self._others = {}
        client = httpx.Client(verify=os.environ["REQUESTS_CA_BUNDLE"], proxy=os.environ["HTTPS_PROXY"])
        for path in ("/$discovery/rest", "/v1/projects/sandbox/algorithms"):
            answer = client.get(f"https://earthengine.googleapis.com{path}", params={"version": "v1"})
            self._others[path] = answer.raise_for_status().text

    @contextmanager
    def server(self, **settings: Any) -> Iterator[str]:
        """A server's address; it ends afterwards."""
        given = {"quota": QUOTA, "per_second": PER_SECOND, "seconds": SECONDS, "faults": FAULTS, "others": self._others}
        command = [sys.executable, "-m", "benchmarks.export.quota_server"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({**given, **settings}))
            process.stdin.close()
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
            process.wait()

    def job(self, way: str, patches: int, share: int = 1, workers: int = 1, url: str = "", **settings: Any) -> Outcome:
        """Fetches patches by one of `clients`' ways, in one process or several.

        Args:
            way: Its name.
            patches: How many.
            share: Requests under way at once, or threads, of each worker.
            workers: Processes.
            url: Of a server that runs already.
            settings: Of a server for this job, where they differ.
        """
        if not url:
            with self.server(**settings) as own:
                return self.job(way, patches, share, workers, own)
        places = [(64 * (number // 1_000), 64 * (number % 1_000)) for number in range(patches)]
        running = []
        for number in range(workers):
            task = {"way": way, "url": url, "share": share, "per_second": PER_SECOND / workers}
            running.append(_started({**task, "places": places[number::workers]}))
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        told = [json.loads(process.communicate()[0]) for process in running]
        server = httpx.get(f"{url}/_", trust_env=False).json()
        reasons = [each["error"] for each in told if each["error"]]
        return Outcome(
            patches,
            min(each["begun"] for each in told),
            [moment for each in told for moment in each["times"]],
            [place for each in told for place in each["which"]],
            [*itertools.chain(*(each["lost"] for each in told)), *reasons],
            [*itertools.chain(*(each["wrong"] for each in told))],
            server,
        )


def _started(task: Mapping[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.export.clients"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    return process


def told(name: str, outcome: Outcome) -> list[Measurement]:
    """Rows of the table."""
    beside = f"the quota, {QUOTA} at a time"
    allowed = f"3 % of {outcome.server['counts']['requests']:,} requests"
    return [
        Measurement(f"{name}: sustained", outcome.rate(0.95), beside, ALLOWED, "patches/s"),
        Measurement("  whole job", outcome.rate(1), beside, ALLOWED, "patches/s"),
        Measurement("  refused (429)", outcome.refused, allowed, 0.03, "of requests"),
        Measurement("  patches that arrived", len(outcome.times), "planned", outcome.planned, "patches"),
    ]


def halved(bench: Bench) -> list[Measurement]:
    """The quota is halved in the middle of a job, and given back: when is the job as fast as before?"""
    with bench.server() as url:

        def change() -> None:
            for seconds, quota in ((QUIET_SECONDS, QUOTA // 2), (HALVED_SECONDS, QUOTA)):
                time.sleep(seconds)
                httpx.post(f"{url}/_change", json={"quota": quota}, trust_env=False)
                moments.append(time.time())

        moments: list[float] = []
        # The clients need a while to begin; what counts is measured from the changes.
        changer = threading.Thread(target=change)
        changer.start()
        outcome = bench.job("product", 1_900, QUOTA, url=url)
        changer.join()
    lost, back = moments
    while_halved = sum(lost + 5 <= moment < back for moment in outcome.times) / (back - lost - 5)
    # Fast again from the first moment on after which five seconds hold nine tenths of what they held before.
    before = sum(lost - 5 <= moment < lost for moment in outcome.times)
    after = next(
        (step / 2 for step in range(200) if _within(outcome.times, back + step / 2, 5) >= 0.9 * before), float("inf")
    )
    refusals = sum(lost <= moment < back for moment in outcome.server["refused_at"])
    asked = refusals + sum(lost <= moment < back for moment in outcome.times)
    return [
        Measurement("quota halved in between", while_halved, "what is left of it", ALLOWED / 2, "patches/s"),
        Measurement("  refused meanwhile", refusals / asked, "3 % of requests", 0.03, "of requests"),
        Measurement("  given back: as fast as before after", after, "at most", 30, "s"),
        Measurement("  patches that arrived", len(outcome.times), "planned", outcome.planned, "patches"),
    ]


def _within(times: Sequence[float], begin: float, seconds: float) -> int:
    return sum(begin <= moment < begin + seconds for moment in times)


def faults(bench: Bench, number: int) -> list[Measurement]:
    """So many faults of all kinds at random, and five requests that are wrong whatever is tried."""
    wrong = [[0, 64 * column] for column in range(0, 1_000, 200)]
    settings: dict[str, Any] = {
        "faults": MANY,
        "most_faults": number,
        "seconds": (0.05, 0.2),
        "wrong": wrong,
        "per_second": 1_000,
    }
    outcome = bench.job("product", 2 * number + 1_000, QUOTA, **settings)
    struck = sum(outcome.server["counts"].get(kind, 0) for kind in MANY)
    tries = [count for name, count in outcome.server["answered"].items() if name.startswith("wrong")]
    once = len({tuple(place) for place in outcome.which})
    return [
        Measurement(
            f"{struck:,} faults: patches that arrived, or are listed with a reason",
            once + len(outcome.lost),
            "planned",
            outcome.planned,
            "",
        ),
        Measurement("  arrived", len(outcome.which), "different ones", once, ""),
        Measurement("  arrived as they should", len(outcome.which) - len(outcome.wrong), "arrived", once, ""),
        Measurement("  tries of requests that are wrong", sum(tries), "wrong requests", len(wrong), ""),
        Measurement("  listed", len(outcome.lost), "wrong requests", len(wrong), ""),
    ]


def measure() -> list[Measurement]:
    """Rates of each way over what the quota allows."""
    with sandbox():
        bench = Bench()
        return [
            *told("serial loop", bench.job("serial", FEW, faults={})),
            *told("Beam, one call for each element", bench.job("beam", FEW, faults={})),
            *told("pool of 20, retry decorator", bench.job("pool", SOME, 20)),
            *told("pool of 80, retry decorator", bench.job("pool", SOME, 80)),
            *told("export_examples, one process", bench.job("product", PATCHES, QUOTA)),
            *told(f"export_examples, {WORKERS} workers", bench.job("product", PATCHES, QUOTA // WORKERS, WORKERS)),
            *halved(bench),
            *faults(bench, 1_000),
        ]
