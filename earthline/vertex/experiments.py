"""Runs of a Vertex AI experiment: settings and figures of one model beside those of others, in the console."""

import logging
from collections.abc import Mapping

from google.api_core.exceptions import GoogleAPIError
from google.cloud import aiplatform

from earthline import run_name
from earthline.vertex.connection import connect

_logger = logging.getLogger(__name__)

Value = float | int | str


def record(
    project: str, location: str, experiment: str, parameters: Mapping[str, Value], metrics: Mapping[str, Value]
) -> str | None:
    """Writes one run, and the experiment where there is none of this name.

    A run that cannot be written is a warning: whatever it tells stands in the step's own results as well.

    Args:
        project: Google Cloud project id.
        location: Vertex AI location.
        experiment: Its id.
        parameters: Settings, by name.
        metrics: Figures, by name.

    Returns:
        Name of the run; None where it could not be written.
    """
    name = run_name.new("run")
    try:
        connect(project, location)
        found = aiplatform.Experiment.get_or_create(experiment)
        run = aiplatform.ExperimentRun.create(name, experiment=found)
        run.log_params(dict(parameters))
        run.log_metrics(dict(metrics))
        run.end_run()
    except (GoogleAPIError, ValueError, RuntimeError) as error:
        _logger.warning(
            "experiment %s: no run was written (%s); the step goes on. Its service account needs "
            "roles/aiplatform.user, and environment.experiment must not be the id of something else",
            experiment,
            error,
        )
        return None
    _logger.info("experiment %s: run %s is written", experiment, name)
    return name
