"""The step as KFP sees it."""

from kfp import dsl
from kfp.dsl import Artifact, ClassificationMetrics, Dataset, Input, Metrics, Model, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def evaluate_model(
    data: str,
    evaluate: str,
    project: str,
    location: str,
    champion: str,
    experiment: str,
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
        location: Vertex AI location of the champion.
        champion: Resource name and version of the model that serves, or `none`. It is an input so that a result in the
            cache holds for one champion alone.
        experiment: Vertex AI experiment that gets a run with settings and figures; `-` for none.
        examples: TFRecord shards and manifest.
        model: What train_model wrote.
        metrics: The most important metrics.
        confusion: Confusion matrix, rows by label; empty where a task has none.
        evaluation: `evaluation.json` and the task's figures, such as `confusion.png`.

    Returns:
        `blessed` or `rejected`.
    """
    from components.evaluate_model.run import run

    return run(
        data=data,
        evaluate=evaluate,
        project=project,
        location=location,
        champion_name=champion,
        experiment=experiment,
        examples=examples,
        model=model,
        metrics=metrics,
        matrix=confusion,
        evaluation=evaluation,
    )
