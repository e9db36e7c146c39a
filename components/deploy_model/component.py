"""The step as KFP sees it."""

from google_cloud_pipeline_components.types.artifact_types import UnmanagedContainerModel, VertexEndpoint, VertexModel
from kfp import dsl
from kfp.dsl import Artifact, Input, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def deploy_model(
    name: str,
    serving: str,
    resource_labels: str,
    project: str,
    location: str,
    endpoint_name: str,
    prepared: Input[UnmanagedContainerModel],
    evaluation: Input[Artifact],
    gcp_resources: dsl.OutputPath(str),
    vertex_model: Output[VertexModel],
    vertex_endpoint: Output[VertexEndpoint],
):
    """Registers the model and puts it into service on an endpoint; takes it back where it answers wrongly.

    Args:
        name: Display name of the model.
        serving: The config's `serving` section, as JSON.
        resource_labels: Vertex AI labels, as a JSON object.
        project: Google Cloud project.
        location: Vertex AI location.
        endpoint_name: Display name of the endpoint.
        prepared: Of `prepare_saved_model`.
        evaluation: Of `evaluate_model`.
        gcp_resources: What was made, for the Vertex AI console.
        vertex_model: The registered model.
        vertex_endpoint: The endpoint.
    """
    from components.deploy_model.run import run

    run(
        name=name,
        serving=serving,
        resource_labels=resource_labels,
        project=project,
        location=location,
        endpoint_name=endpoint_name,
        prepared=prepared,
        evaluation=evaluation,
        gcp_resources=gcp_resources,
        vertex_model=vertex_model,
        vertex_endpoint=vertex_endpoint,
    )
