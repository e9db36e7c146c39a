"""Registers the prepared model and puts it into service."""

import json
import logging
from pathlib import Path

from google.protobuf import json_format
from google_cloud_pipeline_components.proto.gcp_resources_pb2 import GcpResources
from kfp import dsl

from components.deploy_model import deployment, endpoints, evaluations, registry
from components.deploy_model.probe import Probe
from earthline.config import Serving
from earthline.entry_point import entry_point
from earthline.formats.evaluations import Evaluation
from earthline.formats.served.contract import Contract
from earthline.formats.served.references import Reference
from earthline.vertex.connection import connect

_logger = logging.getLogger(__name__)


@entry_point
def run(
    *,
    name: str,
    serving: Serving,
    resource_labels: str,
    project: str,
    location: str,
    endpoint_name: str,
    prepared: dsl.Artifact,
    evaluation: dsl.Artifact,
    gcp_resources: str,
    vertex_model: dsl.Artifact,
    vertex_endpoint: dsl.Artifact,
) -> None:
    """Deploys the model.

    Args:
        name: Display name of the model.
        serving: The config's section.
        resource_labels: Vertex AI labels, as a JSON object.
        project: Google Cloud project.
        location: Vertex AI location.
        endpoint_name: Display name of the endpoint.
        prepared: SavedModel, contract and probe, with the container in its metadata.
        evaluation: Folder of `evaluation.json`.
        gcp_resources: File to write what was made into, as Google's own components do.
        vertex_model: Gets the registered model's URI and resource name.
        vertex_endpoint: Gets the endpoint's URI and resource name.

    Raises:
        DeploymentError: The model did not start or answered wrongly; the endpoint serves what it did before.
        ProbeFileError: The prepared model has no probe.
    """
    labels: dict[str, str] = json.loads(resource_labels)
    folder = Path(prepared.path)
    probe = Probe(Contract.read(folder), Reference.read(folder))
    found = Evaluation.read(Path(evaluation.path))
    headline = found.headline
    connect(project, location, quiet=False)
    model = registry.upload(
        name,
        prepared.uri,
        prepared.metadata["containerSpec"],
        labels,
        f"{headline[0].upper()}{headline[1:]} on the test blocks",
    )
    evaluations.note(model, found)
    dedicated = serving.endpoint_kind == "dedicated"
    place = endpoints.find_or_create(endpoint_name, labels, dedicated=dedicated)
    made = deployment.deploy(model, place, serving, probe, labels)
    service = f"https://{location}-aiplatform.googleapis.com/v1"
    written = GcpResources()
    for artifact, kind, resource in (
        (vertex_model, "Model", f"{model.resource_name}@{model.version_id}"),
        (vertex_endpoint, "Endpoint", made.endpoint.resource_name),
    ):
        artifact.uri = f"{service}/{resource}"
        artifact.metadata["resourceName"] = resource
        written.resources.add(resource_type=kind, resource_uri=artifact.uri)
    vertex_endpoint.metadata["deployedModelId"] = made.deployed_id
    file = Path(gcp_resources)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json_format.MessageToJson(written))
    _logger.info("deploy_model: %s serves on %s", vertex_model.metadata["resourceName"], made.endpoint.resource_name)
