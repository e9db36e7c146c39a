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
from benchmarks.accuracy.results import PLAIN, Cell, Result
from earthline import patches
from earthline.blocks import number
from earthline.config import Train
from earthline.formats.manifest import Manifest
from earthline.patches import Patches
from earthline.task import Task, task_of_record

Array = np.ndarray[Any, Any]


def run(
    cell: Cell, changes: dict[str, object], examples: Path, beside: dict[str, dict[str, object]] | None = None
) -> Iterator[Result]:
    """Trains, predicts the test split and scores.

    Args:
        cell: Which run.
        changes: Settings of its variant.
        examples: Folder of the dataset.
        beside: Settings by variant of what is done to the same network once it has learned (`models.after_training`).

    Returns:
        Its result, and then those of the variants beside it, or of the candidates that it trained on the way.

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
    sections = {PLAIN: train} | {
        variant: models.section(cell.model, each, cell.seed) for variant, each in (beside or {}).items()
    }
    for variant, (predicted, told) in _trained(sections, examples, test, task):
        of_variant = cell if variant == PLAIN else cell.model_copy(update={"variant": variant})
        yield _result(of_variant, manifest, test, task, predicted, told)


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


def _trained(
    sections: dict[str, Train], examples: Path, test: Patches, task: Task
) -> Iterator[tuple[str, tuple[Array, dict[str, Any]]]]:
    """Map values of the test pixels by a model of the product, and what its result tells of it.

    Args:
        sections: `train` by variant: the first is trained, of the others the priors alone are set afterwards.
        examples: Folder of the dataset.
        test: The test split.
        task: What is learned.
    """
    # Seconds to load, and settings that are wrong should say so at once.
    from components.evaluate_model import scoring
    from trainer import saved_network, training
    from trainer.description import Description

    with tempfile.TemporaryDirectory(prefix="accuracy-") as name:
        folder = Path(name)
        first, *others = sections
        began = time.monotonic()
        state = training.run(sections[first], examples, folder)
        seconds = round(time.monotonic() - began, 1)
        network = saved_network.read(folder)
        parameters = Description.read(folder).parameters
        for variant in (first, *others):
            began = time.monotonic()
            changed = network if variant == first else _moved(network, sections[variant], examples, folder)
            predicted = scoring.predictions(changed, test, task)
            yield (
                variant,
                (
                    predicted,
                    {
                        "epochs": len(state.history),
                        "best_epoch": state.best_epoch,
                        "parameters": parameters,
                        "train_seconds": seconds,
                        "predict_seconds": round(time.monotonic() - began, 1),
                        "settings": sections[variant].model_dump(mode="json"),
                    },
                ),
            )


def _moved(network: Any, train: Train, examples: Path, folder: Path) -> Any:
    """A trained network with a prior, as the trainer would have completed it."""
    import keras
    import tensorflow as tf

    from trainer.confidence import prior
    from trainer.lesson import Lesson

    assert train.prior is not None, "callers ask first"
    strategy = tf.distribute.get_strategy()
    lesson = Lesson.prepared(train, examples, strategy=strategy, checkpoint=folder / "c", logs=folder / "logs")
    outputs = lesson.head.moved(network.outputs[0], prior.factors(train.prior, lesson))
    return keras.Model(network.inputs, outputs, name=network.name)


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
        for result in run(cell, request["changes"], Path(request["examples"]), request.get("beside")):
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
