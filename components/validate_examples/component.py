"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def validate_examples(
    data: str,
    validation: str,
    project: str,
    examples: Input[Dataset],
    statistics: Output[Artifact],
    report: Output[HTML],
    accepted_statistics: str = "",
):
    """Reads every example and fails where training on it would be a mistake.

    Args:
        data: The config's `data` section, as JSON.
        validation: The config's `validation` section, as JSON.
        project: Google Cloud project of requests to Cloud Storage.
        examples: Of `export_examples`.
        statistics: Folder with `statistics.json`, a proposed `schema.yaml`, and labels that are likely wrong.
        report: Findings, labels, bands, places, drift and sample patches.
        accepted_statistics: The folder where the last accepted run keeps its statistics; empty where there is none.
    """
    from components.validate_examples.run import run

    run(
        data=data,
        validation=validation,
        project=project,
        examples=examples,
        statistics=statistics,
        report=report,
        accepted_statistics=accepted_statistics,
    )
