"""The step as KFP sees it."""

from google_cloud_pipeline_components.types.artifact_types import UnmanagedContainerModel, VertexEndpoint
from kfp import dsl
from kfp.dsl import Artifact, Input, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def register_ee_model(
    name: str,
    data: str,
    serving: str,
    project: str,
    location: str,
    prepared: Input[UnmanagedContainerModel],
    vertex_endpoint: Input[VertexEndpoint],
    registration: Output[Artifact],
):
    """Stores what Earth Engine users need to call the model, and predicts one tile through Earth Engine.

    Args:
        name: The workflow's name.
        data: The config's `data` section, as JSON.
        serving: The config's `serving` section, as JSON.
        project: Google Cloud project.
        location: Vertex AI location.
        prepared: Of `prepare_saved_model`.
        vertex_endpoint: Of `deploy_model`.
        registration: Folder with `ee_model.json`: the arguments of ee.Model.fromVertexAi, and the asset's id.
    """
    from components.register_ee_model.run import run

    run(
        name=name,
        data=data,
        serving=serving,
        project=project,
        location=location,
        prepared=prepared,
        vertex_endpoint=vertex_endpoint,
        registration=registration,
    )
