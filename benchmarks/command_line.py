"""How long `earthline --help` takes, beside an interpreter that does nothing."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measurements import Measurement

RUNS = 7


def measure() -> list[Measurement]:
    """Medians of alternating runs."""
    earthline = str(Path(sys.executable).with_name("earthline"))
    commands = {"help": [earthline, "--help"], "interpreter": [sys.executable, "-c", "pass"]}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    helped, bare = (statistics.median(seconds[name]) for name in ("help", "interpreter"))
    return [Measurement("earthline --help", helped, "python -c pass", bare, "s")]
