"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def evaluate_model(
    data: str,
    evaluate: str,
    project: str,
    location: str,
    endpoint_name: str,
    examples: Input[Dataset],
    model: Input[Model],
    metrics: Output[Metrics],
    confusion: Output[ClassificationMetrics],
    evaluation: Output[Artifact],
) -> str:
    """Scores a model on the held-out test blocks beside a random forest and the deployed champion.

    Args:
        data: The config's `data` section, as JSON.
        evaluate: The config's `evaluate` section, as JSON.
        project: Google Cloud project id.
        location: Vertex AI location of the endpoint.
        endpoint_name: Display name of the endpoint on which the champion runs.
        examples: TFRecord shards and manifest.
        model: What train_model wrote.
        metrics: The most important figures.
        confusion: Confusion matrix, rows by label.
        evaluation: `evaluation.json`, `confusion.png`, `learning_curves.png`.

    Returns:
        `blessed` or `rejected`.
    """
    from components.evaluate_model.run import run

    return run(
        data=data,
        evaluate=evaluate,
        project=project,
        location=location,
        endpoint_name=endpoint_name,
        examples=examples,
        model=model,
        metrics=metrics,
        confusion_matrix=confusion,
        evaluation=evaluation,
    )
