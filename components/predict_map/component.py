"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def predict_map(
    name: str,
    data: str,
    predict: str,
    project: str,
    registration: Input[Artifact],
    examples: Input[Dataset],
    model: Input[Model],
    evaluation: Input[Artifact],
    map: Output[Artifact],
    report: Output[HTML],
):
    """Maps the region by predictImage and reports how good the map is.

    Args:
        name: The workflow's name.
        data: The config's `data` section, as JSON.
        predict: The config's `predict` section, as JSON.
        project: Google Cloud project that the requests count against.
        registration: Of `register_ee_model`.
        examples: Of `export_examples`.
        model: Of `train_model`.
        evaluation: Of `evaluate_model`.
        map: Folder with `map.tif`, `map.png` and, if the config asks for it, `confidence.tif`.
        report: Imagery, labels and map, accuracy, areas, sources.
    """
    from components.predict_map.run import run

    run(
        name=name,
        data=data,
        predict=predict,
        project=project,
        registration=registration,
        examples=examples,
        model=model,
        evaluation=evaluation,
        map=map,
        report_file=report,
    )
