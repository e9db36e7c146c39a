"""The registry holds what the evaluation found, beside the version, through Vertex AI's own client."""

import sys
from typing import Any

from tests.components.outcomes import outcome as told

STEP = """
import json, sys
from google.cloud import aiplatform
from components.deploy_model import evaluations, registry
from tests.components.evaluated import evaluation
aiplatform.init(project="sandbox", location="us-central1")
container = {"imageUri": "test:1", "command": ["python3"], "ports": [{"containerPort": 8080}],
             "predictRoute": "/predict", "healthRoute": "/health"}
model = registry.upload("evaluated", "gs://earthline-sandbox/evaluated", container, {}, "a version")
found = evaluation(("a", "b", "c"), 6, 0.0)
evaluations.note(model, found)
evaluations.note(model, found)
written = model.list_model_evaluations()
class Refusing:
    resource_name, version_id = model.resource_name, model.version_id
    class api_client:
        @staticmethod
        def list_model_evaluations(parent):
            raise __import__("google.api_core.exceptions").api_core.exceptions.PermissionDenied("no right")
evaluations.note(Refusing, found)
print("OUTCOME" + json.dumps({
    "evaluations": [each.to_dict() for each in written],
    "accuracy": found.model.metrics["accuracy"].value,
    "confusion": found.model.details["confusion"],
}))
"""


def test_an_evaluation_is_registered_once_and_a_refusal_stops_nothing(sandbox: Any) -> None:
    folder = sandbox.home / "storage" / "earthline-sandbox" / "evaluated"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"model")
    done = sandbox.run([sys.executable, "-c", STEP])
    found = told(done)
    (written,) = found["evaluations"]
    assert written["metricsSchemaUri"].endswith("classification_metrics_1.0.0.yaml")
    assert written["displayName"].startswith("test blocks: overall accuracy")
    assert written["metrics"]["confusionMatrix"]["rows"] == found["confusion"]
    assert written["metrics"]["confidenceMetrics"][0]["recall"] == found["accuracy"]
    assert "the registry has no evaluation" in done.stderr and "no right" in done.stderr
