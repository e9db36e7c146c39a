"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def preview_map(
    name: str,
    data: str,
    predict: str,
    project: str,
    examples: Input[Dataset],
    model: Input[Model],
    evaluation: Input[Artifact],
    preview: Output[Artifact],
    report: Output[HTML],
):
    """Maps what a rejected model would have given, on this machine and without an endpoint, and reports why it failed.

    Args:
        name: The workflow's name.
        data: The config's `data` section, as JSON.
        predict: The config's `predict` section, as JSON.
        project: Google Cloud project that the requests count against.
        examples: Of `export_examples`.
        model: Of `train_model`.
        evaluation: Of `evaluate_model`.
        preview: Folder with `preview.tif` and `preview.png`.
        report: Why the model was rejected, imagery, labels and map, accuracy, areas, sources.
    """
    from components.preview_map.run import run

    run(
        name=name,
        data=data,
        predict=predict,
        project=project,
        examples=examples,
        model=model,
        evaluation=evaluation,
        preview=preview,
        report_file=report,
    )
