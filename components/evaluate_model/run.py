"""Scores a model on the test blocks beside two baselines and the champion, and decides whether it may be deployed."""

import logging
from pathlib import Path
from typing import Any

from components.evaluate_model import figures, parameters
from components.evaluate_model.scoring import score
from components.evaluate_model.table import summary, table
from earthline.config import Data, Evaluate
from earthline.entry_point import entry_point
from earthline.formats.evaluations import BLESSED, NO_EXPERIMENT, REJECTED
from earthline.formats.manifest import Manifest
from earthline.task import task_of
from earthline.vertex import champion, experiments
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
    matrix: Any,
    evaluation: Any,
    experiment: str = NO_EXPERIMENT,
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
        matrix: system.ClassificationMetrics (output); stays empty where the task has nothing for it.
        evaluation: Folder (output) with `evaluation.json`, the task's figures and the reliability diagram.
        experiment: Vertex AI experiment that gets a run; `NO_EXPERIMENT` for none.

    Returns:
        `blessed` or `rejected`.
    """
    manifest = Manifest.read(Path(examples.path))
    require_match(data, manifest)
    deployed = champion.get(project, location, champion_name)
    folder = Path(evaluation.path)
    folder.mkdir(parents=True, exist_ok=True)
    result = score(evaluate, Path(examples.path), Path(model.path), deployed, project)
    result.write(folder)
    task = task_of(data)
    task.draw(result, folder)
    if result.calibration is not None:
        figures.reliability(result.calibration, folder / figures.RELIABILITY)
    task.log(result.model, matrix)
    figured = summary(result)
    for key, value in figured.items():
        metrics.log_metric(key, value)
    if experiment != NO_EXPERIMENT:
        settings = parameters.of(Path(model.path), manifest)
        shown = figured | {"blessed": int(result.gate.blessed)}
        evaluation.metadata["experiment_run"] = experiments.record(project, location, experiment, settings, shown)
    verdict = BLESSED if result.gate.blessed else REJECTED
    _logger.info("%s\nevaluate_model: %s: %s", table(result, task), verdict, result.gate.reason)
    return verdict
