"""One run of one model on one set, in a process of its own: `python -m benchmarks.accuracy.cell CELL.json`.

The product's code does it all: `trainer.training.run` trains and saves, the evaluation's prediction and the task score.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy import candidates, models, results
from benchmarks.accuracy.candidates import Candidate
from benchmarks.accuracy.results import Cell, Result
from earthline import patches
from earthline.blocks import number
from earthline.config import Train
from earthline.formats.manifest import Manifest
from earthline.patches import Patches
from earthline.task import Task, task_of_record

Array = np.ndarray[Any, Any]


def run(cell: Cell, changes: dict[str, object], examples: Path) -> Iterator[Result]:
    """Trains, predicts the test split and scores.

    Args:
        cell: Which run.
        changes: Settings of its variant.
        examples: Folder of the dataset.

    Returns:
        Its result, and then those of the candidates that it trained on the way, if it had any.

    Raises:
        ValueError: The model cannot learn from the set.
    """
    manifest = Manifest.read(examples)
    test = patches.read(examples, manifest, "test")
    task = task_of_record(manifest.task)
    kind = models.baseline(cell.model)
    if kind is not None:
        predicted, told = _fitted(kind, patches.read(examples, manifest, "train"), test, task, cell.seed)
        yield _result(cell, manifest, test, task, predicted, told)
        return
    train = models.section(cell.model, changes, cell.seed)
    if train.model.name == "auto":
        for each in candidates.learned(cell.model, train, examples, others=not changes):
            predicted, told = _told(each, test, task)
            of_each = cell.model_copy(update={"model": each.name})
            yield _result(of_each, manifest, test, task, predicted, told)
        return
    predicted, told = _trained(train, examples, test, task)
    yield _result(cell, manifest, test, task, predicted, told)


def _result(
    cell: Cell, manifest: Manifest, test: Patches, task: Task, predicted: Array, told: dict[str, Any]
) -> Result:
    row, column = test.ground
    of_pixel = number(row, column, tuple(manifest.grid["shape"]), manifest.block_shape)
    ground, block = np.unique(of_pixel, return_inverse=True)
    sums = task.gate_sums(task.tally(test.label[test.labelled], predicted, block))
    total = sums.sum(axis=0)
    return Result(
        cell=cell,
        task=manifest.task,
        metrics={metric: float(task.gate_figure(total, metric)) for metric in task.measures},
        ground=tuple(int(each) for each in ground),
        sums=tuple(tuple(each) for each in np.asarray(sums, np.float64).tolist()),
        pixels=len(row),
        train_examples=manifest.splits["train"].examples,
        commit=_commit(),
        **told,
    )


def _told(candidate: Candidate, test: Patches, task: Task) -> tuple[Array, dict[str, Any]]:
    """Map values of the test pixels by a candidate, and what its result tells of it."""
    from components.evaluate_model import scoring

    began = time.monotonic()
    predicted = scoring.predictions(candidate.network, test, task)
    told = {
        "epochs": len(candidate.state.history),
        "best_epoch": candidate.state.best_epoch,
        "parameters": candidate.network.count_params(),
        "train_seconds": round(candidate.seconds, 1),
        "predict_seconds": round(time.monotonic() - began, 1),
        "settings": candidate.train.model_dump(mode="json"),
        "chosen": candidate.chosen,
    }
    return predicted, told


def _trained(train: Train, examples: Path, test: Patches, task: Task) -> tuple[Array, dict[str, Any]]:
    """Map values of the test pixels by a model of the product, and what its result tells of it."""
    # Seconds to load, and settings that are wrong should say so at once.
    from components.evaluate_model import scoring
    from trainer import saved_network, training
    from trainer.description import Description

    with tempfile.TemporaryDirectory(prefix="accuracy-") as name:
        folder = Path(name)
        began = time.monotonic()
        state = training.run(train, examples, folder)
        trained = time.monotonic()
        predicted = scoring.predictions(saved_network.read(folder), test, task)
        told = {
            "epochs": len(state.history),
            "best_epoch": state.best_epoch,
            "parameters": Description.read(folder).parameters,
            "train_seconds": round(trained - began, 1),
            "predict_seconds": round(time.monotonic() - trained, 1),
            "settings": train.model_dump(mode="json"),
        }
    return predicted, told


def _fitted(kind: str, train: Patches, test: Patches, task: Task, seed: int) -> tuple[Array, dict[str, Any]]:
    """The same of a baseline."""
    from benchmarks.accuracy import baselines

    began = time.monotonic()
    baseline = baselines.Baseline.fitted(kind, task, train, seed)
    trained = time.monotonic()
    predicted = baseline.predicted(test)
    told = {
        "train_seconds": round(trained - began, 1),
        "predict_seconds": round(time.monotonic() - trained, 1),
        "settings": {"baseline": kind, "training_pixels": baseline.pixels},
    }
    return predicted, told


def main() -> int:
    """Runs the cell of a request file; 0 where a result is written, 1 with one line where it cannot be."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    cell, output = Cell.model_validate(request["cell"]), Path(request["output"])
    try:
        for result in run(cell, request["changes"], Path(request["examples"])):
            if result.cell == cell or not (output / result.cell.path).is_file():
                results.write(result, output)
    except ValueError as error:
        print(f"benchmarks.accuracy: {error}", file=sys.stderr)
        return 1
    return 0


def _commit() -> str:
    here = Path(__file__).parent
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=here, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return asked.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
