"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def export_examples(
    data: str,
    export: str,
    project: str,
    temp_location: str,
    examples: Output[Dataset],
    gcp_resources: dsl.OutputPath(str),
    location: str = "",
    image: str = "",
    dataflow: str = "{}",
    sources: str = "",
):
    """Plans balanced patches on spatially separate splits and fetches them from Earth Engine.

    Args:
        data: The config's `data` section, as JSON.
        export: The config's `export` section, as JSON.
        project: Google Cloud project that the requests count against.
        temp_location: gs:// folder for the temporary files of a remote Beam runner.
        examples: TFRecord shards per split, and a manifest.
        gcp_resources: Dataflow's job where it works on the export, for the Vertex AI console.
        location: Where a remote Beam runner works.
        image: Container image of a remote Beam runner's workers.
        dataflow: Options of Beam's Dataflow runner, as a JSON object.
        sources: Fingerprint of imagery and labels: when they change, no result of this step in the cache is taken, and
            nothing of what an interrupted run has fetched.
    """
    from components.export_examples.run import run

    run(
        data=data,
        export=export,
        project=project,
        temp_location=temp_location,
        examples=examples,
        location=location,
        image=image,
        dataflow=dataflow,
        sources=sources,
        gcp_resources=gcp_resources,
    )
