"""Runs every benchmark, or those that are named, and prints one table: `python -m benchmarks [NAME ...]`."""

import argparse
import contextlib
import io

from rich.console import Console
from rich.table import Table

from benchmarks import (
    command_line,
    earthengine,
    many_tasks,
    pipeline_overhead,
    reading_patches,
    training_steps,
    two_machines,
)
from benchmarks.export import plan, requests, resume, speed
from benchmarks.serving import ready, scene, soak, wrapping
from benchmarks.serving import speed as serving_speed

ALL = {
    module.__name__.partition(".")[2].replace(".", "_"): module.measure
    for module in (
        command_line,
        pipeline_overhead,
        many_tasks,
        earthengine,
        plan,
        requests,
        resume,
        speed,
        reading_patches,
        training_steps,
        serving_speed,
        wrapping,
        ready,
        scene,
        soak,
        two_machines,
    )
}


def main() -> None:
    """Measures and prints; what else is printed meanwhile is left out."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=list(ALL), metavar="NAME", help=f"one of {', '.join(ALL)}")
    names = parser.parse_args().names or list(ALL)
    table = Table("measured", "value", "beside", "value", "ratio")
    for name in names:
        with contextlib.redirect_stdout(io.StringIO()):
            measurements = ALL[name]()
        for measurement in measurements:
            table.add_row(
                measurement.name,
                f"{measurement.value:.3f} {measurement.unit}",
                measurement.beside,
                f"{measurement.reference:.3f} {measurement.unit}",
                f"{measurement.ratio:.2f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
