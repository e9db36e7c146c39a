"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def validate_examples(data: str, examples: Input[Dataset], statistics: Output[Artifact], report: Output[HTML]):
    """Reads every example and fails where training on it would be a mistake.

    Args:
        data: The config's `data` section, as JSON.
        examples: Of `export_examples`.
        statistics: Folder with `statistics.json`.
        report: Statistics of labels, statistics of bands and sample patches.
    """
    from components.validate_examples.run import run

    run(data=data, examples=examples, statistics=statistics, report=report)
