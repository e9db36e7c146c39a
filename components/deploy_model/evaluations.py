"""What the evaluation found, as Vertex AI's own evaluation of the registered version."""

import logging
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import aiplatform

from earthline.formats.evaluations import Evaluation
from earthline.task import task_of_record
from earthline.vertex.retry import patiently

_logger = logging.getLogger(__name__)


def note(model: Any, found: Evaluation) -> None:
    """Writes the evaluation to the registry, where the console shows it beside the version; once for each version.

    A registry that does not take it stops no model: the evaluation is in the pipeline's outputs all the same.

    Args:
        model: The `aiplatform.Model`, with its version.
        found: Of the model.
    """
    told = task_of_record(found.task).vertex_metrics(found.model)
    if told is None:
        return
    schema, metrics = told
    client, parent = model.api_client, f"{model.resource_name}@{model.version_id}"
    try:
        if patiently(lambda: list(client.list_model_evaluations(parent=parent)), f"listing evaluations of {parent}"):
            return
        evaluation = aiplatform.gapic.ModelEvaluation(
            display_name=f"test blocks: {found.headline}", metrics_schema_uri=schema, metrics=metrics
        )
        made = patiently(
            lambda: client.import_model_evaluation(parent=parent, model_evaluation=evaluation),
            f"registering the evaluation of {parent}",
        )
        _logger.info("deploy_model: evaluation registered as %s", made.name)
    except GoogleAPICallError as error:
        _logger.warning("deploy_model: the registry has no evaluation of %s: %s", parent, error)
