"""The step as KFP sees it."""

from google_cloud_pipeline_components.types import artifact_types
from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def prepare_saved_model(
    data: str,
    serving: str,
    image: str,
    serving_image: str,
    examples: Input[Dataset],
    model: Input[Model],
    prepared: Output[artifact_types.UnmanagedContainerModel],
) -> None:
    """Wraps a model for Earth Engine and proves the wrapped one equal to it.

    Args:
        data: The config's `data` section, as JSON.
        serving: The config's `serving` section, as JSON.
        image: Container image of the steps, whose prediction server serves any model.
        serving_image: Container image that serves models that need no TensorFlow.
        examples: TFRecord shards and manifest, for real patches.
        model: What train_model wrote.
        prepared: SavedModel with `contract.json`, and the container that serves it.
    """
    from components.prepare_saved_model.run import run

    run(
        data=data,
        serving=serving,
        image=image,
        serving_image=serving_image,
        examples=examples,
        model=model,
        prepared=prepared,
    )
