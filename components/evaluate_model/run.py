"""Scores a model on the test blocks beside two baselines and the champion, and decides whether it may be deployed."""

import logging
from pathlib import Path
from typing import Any

from components.evaluate_model import figures
from components.evaluate_model.scoring import score
from earthline.config import Data, Evaluate
from earthline.entry_point import entry_point
from earthline.formats.evaluations import BLESSED, CONFUSION, REJECTED, Accuracy, Evaluation, Interval
from earthline.formats.manifest import Manifest
from earthline.task.bootstrap import MIN_BLOCKS
from earthline.vertex import champion
from trainer.description import require_match

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    data: Data,
    evaluate: Evaluate,
    project: str,
    location: str,
    champion_name: str,
    examples: Any,
    model: Any,
    metrics: Any,
    confusion_matrix: Any,
    evaluation: Any,
) -> str:
    """The step. Artifacts are KFP's: `.path` is read and written, metrics are logged into them.

    Args:
        data: The config's section.
        evaluate: The config's section.
        project: Google Cloud project id.
        location: Vertex AI location of the champion.
        champion_name: Resource name and version of the champion, or `none`.
        examples: Dataset (input).
        model: Model that the trainer wrote (input).
        metrics: system.Metrics (output): the most important metrics.
        confusion_matrix: system.ClassificationMetrics (output).
        evaluation: Folder (output) with `evaluation.json` and `confusion.png`.

    Returns:
        `blessed` or `rejected`.
    """
    require_match(data, Manifest.read(Path(examples.path)))
    deployed = champion.get(project, location, champion_name)
    folder = Path(evaluation.path)
    folder.mkdir(parents=True, exist_ok=True)
    result = score(evaluate, Path(examples.path), Path(model.path), deployed, project)
    result.write(folder)
    figures.confusion(result.model, folder / CONFUSION)
    confusion_matrix.log_confusion_matrix(
        [each.name for each in result.model.classes], [list(row) for row in result.model.confusion]
    )
    for key, value in summary(result).items():
        metrics.log_metric(key, value)
    _logger.info("%s\nevaluate_model: %s: %s", table(result), _verdict(result), result.gate.reason)
    return _verdict(result)


def summary(result: Evaluation) -> dict[str, float]:
    """The metrics that pipelines show beside a run."""
    found = {
        "accuracy": result.model.overall,
        "macro_f1": result.model.macro_f1,
        "mean_iou": result.model.mean_iou,
        "baseline_accuracy": result.best_baseline.accuracy.overall,
        "baseline_macro_f1": result.best_baseline.accuracy.macro_f1,
        "baseline_mean_iou": result.best_baseline.accuracy.mean_iou,
        "test_pixels": float(result.test.pixels),
        "test_blocks": float(result.test.blocks),
        "gain": result.gate.gain,
    }
    if result.gate.gain_interval is not None:
        found |= {"gain_low": result.gate.gain_interval.low, "gain_high": result.gate.gain_interval.high}
    if result.champion is not None and result.champion.accuracy is not None:
        found["champion_accuracy"] = result.champion.accuracy.overall
    return found


def table(result: Evaluation) -> str:
    """All metrics as text, for the log."""
    test = result.test
    columns = {"model": result.model} | {each.name: each.accuracy for each in result.baselines}
    if result.champion is not None and result.champion.accuracy is not None:
        columns["champion"] = result.champion.accuracy
    wide = max(len(name) for name in columns)
    lines = [
        f"{test.pixels} test pixels of {test.patches} patches in {test.blocks} blocks; intervals at "
        f"{100 * test.confidence:g} % by resampling blocks"
        + ("" if test.blocks >= MIN_BLOCKS else f": not given, since there are fewer than {MIN_BLOCKS} blocks"),
        f"{'':<{wide}} {'accuracy':<22} {'macro-F1':<22} {'mean IoU':<22}",
    ]
    for name, each in columns.items():
        lines.append(f"{name:<{wide}} " + " ".join(f"{text:<22}" for text in _means(each)).rstrip())
    if test.absent:
        lines.append(f"without test labels, in no mean: {', '.join(test.absent)}")
    lines.append(f"{'class':<16} {'pixels':>8} {'blocks':>6} precision recall F1")
    for mine in result.model.classes:
        lines.append(
            f"{mine.name:<16} {mine.pixels:>8} {mine.blocks:>6} {_number(mine.precision):>9} {_number(mine.recall):>6} "
            f"{_with_interval(mine.f1, mine.f1_interval)}"
        )
    return "\n".join(lines)


def _verdict(result: Evaluation) -> str:
    return BLESSED if result.gate.blessed else REJECTED


def _means(found: Accuracy) -> tuple[str, ...]:
    return (
        _with_interval(found.overall, found.overall_interval),
        _with_interval(found.macro_f1, found.macro_f1_interval),
        _with_interval(found.mean_iou, found.mean_iou_interval),
    )


def _with_interval(value: float | None, interval: Interval | None) -> str:
    return _number(value) if interval is None else f"{_number(value)} [{interval.low:.3f}, {interval.high:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
