"""Runs every benchmark and prints one table: `python -m benchmarks`."""

import contextlib
import io

from rich.console import Console
from rich.table import Table

from benchmarks import command_line, earthengine, many_tasks, pipeline_overhead


def main() -> None:
    """Measures and prints; what kfp.local prints meanwhile is left out."""
    table = Table("measured", "value", "beside", "value", "ratio")
    for measure in (command_line.measure, pipeline_overhead.measure, many_tasks.measure, earthengine.measure):
        with contextlib.redirect_stdout(io.StringIO()):
            measurements = measure()
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
