"""The step as KFP sees it; pipelines wrap it as a Vertex AI custom job."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output


@dsl.component(base_image="earthline", install_kfp_package=False)
def train_model(
    data: str,
    train: str,
    examples: Input[Dataset],
    model: Output[Model],
    metrics: Output[Metrics],
) -> None:
    """Trains a model on the training blocks and keeps the epoch that does best on the validation blocks.

    Args:
        data: The config's `data` section, as JSON.
        train: The config's `train` section, as JSON.
        examples: TFRecord shards and manifest.
        model: `model.keras`, `saved_model/`, `history.json`, `learning_curves.png` and `description.json`.
        metrics: Metrics of the best epoch.
    """
    from components.train_model.run import run

    run(data=data, train=train, examples=examples, model=model, metrics=metrics)
