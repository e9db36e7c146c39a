"""Scores a model on the test blocks beside a baseline, and decides whether it may be deployed."""

import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np

import trainer.losses  # noqa: F401  # registers the loss and metrics that a saved model names
from components.evaluate_model import champion, figures, patches
from components.evaluate_model.accuracy import Accuracy, accuracy, confusion
from components.evaluate_model.baseline import Forest
from components.evaluate_model.evaluation import BLESSED, REJECTED, Evaluation, decide
from components.evaluate_model.patches import Patches
from earthline.config import Data, Evaluate
from earthline.examples import Manifest
from trainer.description import HISTORY, KERAS_MODEL, Description, require_match

BATCH = 16
"""Patches that are predicted at once."""
_logger = logging.getLogger(__name__)


def run(
    *,
    data: str,
    evaluate: str,
    project: str,
    location: str,
    endpoint_name: str,
    examples: Any,
    model: Any,
    metrics: Any,
    confusion_matrix: Any,
    evaluation: Any,
) -> str:
    """The step. Artifacts are KFP's: `.path` is read and written, metrics are logged into them.

    Args:
        data: The config's section, as JSON.
        evaluate: The config's section, as JSON.
        project: Google Cloud project id.
        location: Vertex AI location of the endpoint.
        endpoint_name: Display name of the endpoint on which the champion runs.
        examples: Dataset (input).
        model: Model that the trainer wrote (input).
        metrics: system.Metrics (output): the most important figures.
        confusion_matrix: system.ClassificationMetrics (output).
        evaluation: Folder (output) with `evaluation.json` and two PNGs.

    Returns:
        `blessed` or `rejected`.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    section = Evaluate.model_validate_json(evaluate)
    require_match(Data.model_validate_json(data), Manifest.read(Path(examples.path)))
    deployed = champion.find(project, location, endpoint_name)
    folder = Path(evaluation.path)
    folder.mkdir(parents=True, exist_ok=True)
    result = score(section, Path(examples.path), Path(model.path), deployed, project)
    result.write(folder)
    figures.confusion(result.model, folder / figures.CONFUSION)
    figures.learning_curves(Path(model.path) / HISTORY, folder / figures.CURVES)
    confusion_matrix.log_confusion_matrix(
        [each.name for each in result.model.classes], [list(row) for row in result.model.confusion]
    )
    for key, value in summary(result).items():
        metrics.log_metric(key, value)
    _logger.info("%s\nevaluate_model: %s", _table(result), result.gate.reason)
    return BLESSED if result.gate.blessed else REJECTED


def score(
    section: Evaluate, examples: Path, model_folder: Path, deployed: champion.Champion | None, project: str
) -> Evaluation:
    """Scores the model, the baseline and the champion on the same test pixels.

    Args:
        section: The config's section.
        examples: Folder of the dataset.
        model_folder: Folder that the trainer wrote.
        deployed: The champion, where there is one.
        project: Google Cloud project id.

    Raises:
        ValueError: The model was trained on other bands or classes than these examples have, or a split is empty.
    """
    manifest = Manifest.read(examples)
    description = Description.read(model_folder)
    if description.bands != manifest.bands or description.class_names != manifest.class_names:
        raise ValueError(
            f"the model takes {description.bands} and tells {description.class_names} apart; the examples have "
            f"{manifest.bands} and {manifest.class_names}: train it again on these examples"
        )
    names = manifest.class_names
    test = patches.read(examples, manifest, "test")
    _logger.info("evaluate_model: the model predicts %d test patches", len(test.image))
    network = keras.models.load_model(model_folder / KERAS_MODEL, compile=False)
    of_model = _accuracy(test, predictions(network, test.image), names)

    train = patches.read(examples, manifest, "train")
    forest = Forest(trees=section.baseline_trees, side=section.baseline_context, seed=section.seed)
    _logger.info("evaluate_model: the baseline learns from %d training patches", len(train.image))
    pixels = forest.fit(train.image, train.label)
    of_baseline = _accuracy(test, forest.predict(test.image), names)

    of_champion, note = None, ""
    if deployed is not None:
        _logger.info("evaluate_model: the champion %s predicts the same patches", deployed.name)
        try:
            classes, contract = champion.predict(deployed, project, test.image, manifest.bands, names)
            of_champion = _accuracy(test, classes, names)
            if contract.split_hash != manifest.split_hash:
                note = (
                    "the champion learned from examples that were split otherwise: it may have seen these test pixels, "
                    "and its figure may be too high"
                )
        except champion.ChampionError as error:
            note = f"the champion {deployed.name} does not count: {error}"
    return Evaluation(
        model=of_model,
        baseline=of_baseline,
        baseline_description=f"random forest of {section.baseline_trees} trees, {section.baseline_context} x "
        f"{section.baseline_context} px context, {pixels} training pixels",
        champion=of_champion,
        champion_name=deployed.name if deployed else "",
        gate=decide(
            of_model.overall,
            of_baseline.overall,
            section.min_gain,
            of_champion.overall if of_champion else None,
            deployed.name if deployed else "",
            note,
        ),
    )


def predictions(network: Any, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Class ids (patches, height, width), uint8, of a Keras model.

    Args:
        network: The model.
        image: (patches, height, width, bands).
    """
    parts = [
        np.asarray(network(image[start : start + BATCH].astype(np.float32), training=False))
        for start in range(0, len(image), BATCH)
    ]
    classes: np.ndarray[Any, Any] = np.concatenate(parts).argmax(axis=-1).astype(np.uint8)
    return classes


def summary(result: Evaluation) -> dict[str, float]:
    """The figures that pipelines show beside a run."""
    figures_by_name = {
        "accuracy": result.model.overall,
        "mean_iou": result.model.mean_iou,
        "macro_f1": result.model.macro_f1,
        "baseline_accuracy": result.baseline.overall,
        "baseline_mean_iou": result.baseline.mean_iou,
        "test_pixels": float(result.model.pixels),
        "gain": result.gate.gain,
    }
    if result.champion is not None:
        figures_by_name["champion_accuracy"] = result.champion.overall
    return figures_by_name


def _accuracy(test: Patches, classes: np.ndarray[Any, Any], names: tuple[str, ...]) -> Accuracy:
    return accuracy(confusion(test.label[test.labelled], classes[test.labelled], len(names)), names)


def _table(result: Evaluation) -> str:
    def shown(value: float | None) -> str:
        return "    -" if value is None else f"{value:5.3f}"

    lines = [f"{'class':<16} {'pixels':>8} precision recall    F1   IoU  baseline IoU"]
    for mine, theirs in zip(result.model.classes, result.baseline.classes, strict=True):
        lines.append(
            f"{mine.name:<16} {mine.pixels:>8} {shown(mine.precision):>9} {shown(mine.recall):>6} {shown(mine.f1)} "
            f"{shown(mine.iou)} {shown(theirs.iou):>13}"
        )
    return "\n".join(lines)
