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
            figures = measure()
        for figure in figures:
            table.add_row(
                figure.name,
                f"{figure.value:.3f} {figure.unit}",
                figure.beside,
                f"{figure.reference:.3f} {figure.unit}",
                f"{figure.ratio:.2f}",
            )
    Console().print(table)


if __name__ == "__main__":
    main()
