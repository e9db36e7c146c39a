"""Runs what is missing of sets x models x variants x seeds, and writes the table: `python -m benchmarks.accuracy`."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.accuracy import datasets, models, results, sets, table
from benchmarks.accuracy.results import PLAIN, Cell
from benchmarks.accuracy.sets import Missing

HERE = Path(__file__).parent
QUICK: dict[str, Any] = {"epochs": 3}
"""Settings of `--quick`."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Reads the arguments; wrong ones end the process with status 2.

    Args:
        arguments: Left out, those of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(sets.SETS), help="Names of sets; left out, all of the table.")
    parser.add_argument("--models", nargs="+", default=list(models.names()), help="Names of models in models.yaml.")
    parser.add_argument("--seeds", type=int, default=5, help="Number of seeds, from 0.")
    parser.add_argument("--variants", type=Path, help="YAML of changed settings by name: each is run beside the plain.")
    parser.add_argument("--jobs", type=int, default=1, help="Runs at once.")
    parser.add_argument("--threads", type=int, default=2, help="Threads of each run.")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="No run begins later than this.")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="Folder of results.")
    parser.add_argument("--work", type=Path, default=Path("build/accuracy"), help="Folder of datasets.")
    parser.add_argument("--page", type=Path, help="Markdown page whose tables are written anew.")
    parser.add_argument("--table-only", action="store_true", help="Run nothing.")
    parser.add_argument("--quick", action="store_true", help="A drawn set, a small model, one seed: does it work?")
    parsed = parser.parse_args(arguments)
    if parsed.quick:
        parsed.sets, parsed.models, parsed.seeds = ["square_fields"], ["pixel_mlp"], 1
    try:
        for name in parsed.sets:
            sets.find(name)
        if unknown := [name for name in parsed.models if name not in models.names()]:
            raise ValueError(f"--models: '{unknown[0]}' is no model of models.yaml; known: {', '.join(models.names())}")
        parsed.variants = {PLAIN: QUICK} if parsed.quick else models.variants(parsed.variants)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs and prints; 0, or 1 where a run failed.

    Args:
        arguments: Left out, those of the process.
    """
    parsed = parse(arguments)
    failed: list[Cell] = []
    if not parsed.table_only:
        there = [(name, seed) for name in parsed.sets for seed in range(parsed.seeds) if _prepared(name, seed, parsed)]
        cells = [
            Cell(set=name, model=model, variant=variant, seed=seed)
            for model in parsed.models
            for variant, changes in parsed.variants.items()
            for name, seed in there
            if models.suits(model, changes, name)
        ]
        failed = _run([cell for cell in cells if not (parsed.output / cell.path).is_file()], parsed)
    shown = {name: sets.find(name) for name in parsed.sets}
    try:
        text = table.page(results.read(parsed.output), shown)
    except ValueError as error:
        print(f"benchmarks.accuracy: {error}", file=sys.stderr)
        return 1
    if parsed.page is not None:
        table.put(parsed.page, text)
    print(f"{text}\n\n{table.NOTE}")
    for cell in failed:
        print(f"failed: {cell}", file=sys.stderr)
    return 1 if failed else 0


def _prepared(name: str, seed: int, parsed: argparse.Namespace) -> bool:
    try:
        datasets.prepared(name, seed, parsed.work)
    except Missing as error:
        print(f"SKIPPED {name}: {error}", file=sys.stderr, flush=True)
        return False
    except ValueError as error:
        print(f"SKIPPED {name}, seed {seed}: {error}", file=sys.stderr, flush=True)
        return False
    return True


def _run(cells: Sequence[Cell], parsed: argparse.Namespace) -> list[Cell]:
    """Runs cells, each in a process of its own; gives those that failed."""
    until = time.monotonic() + 60 * parsed.minutes
    failed = []

    def one(cell: Cell) -> None:
        if time.monotonic() < until and not _process(cell, beside[cell], parsed):
            failed.append(cell)

    beside = _of_one_training(cells, parsed.variants)
    with ThreadPoolExecutor(parsed.jobs) as pool:
        list(pool.map(one, beside))
    return failed


def _of_one_training(cells: Sequence[Cell], variants: Mapping[str, Mapping[str, Any]]) -> dict[Cell, list[Cell]]:
    """Cells to be trained, and with each those that need no training of their own beside it."""
    found: dict[Cell, list[Cell]] = {}
    for cell in cells:
        plain = cell.model_copy(update={"variant": PLAIN})
        if plain in cells and models.after_training(variants[cell.variant]):
            found.setdefault(plain, []).append(cell)
        else:
            found.setdefault(cell, [])
    return found


def _process(cell: Cell, beside: Sequence[Cell], parsed: argparse.Namespace) -> bool:
    """Runs one cell, and those of the same training; says how it went."""
    threads = str(parsed.threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "-1"),
    }
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "cell.json"
        request.write_text(
            json.dumps(
                {
                    "cell": cell.model_dump(),
                    "changes": parsed.variants[cell.variant],
                    "beside": {each.variant: parsed.variants[each.variant] for each in beside},
                    "examples": str(datasets.folder(cell.set, cell.seed, parsed.work).resolve()),
                    "output": str(parsed.output.resolve()),
                }
            ),
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "benchmarks.accuracy.cell", str(request)]
        done = subprocess.run(
            command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False
        )
    told = "done" if done.returncode == 0 else "FAILED: " + " | ".join(done.stderr.strip().splitlines()[-4:])
    print(f"{cell}: {told} after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
