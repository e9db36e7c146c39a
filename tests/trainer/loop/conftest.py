"""A lesson that takes a second."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from earthline.config import Train
from trainer.lesson import Lesson
from trainer.models.unet import UNet


@pytest.fixture(scope="session")
def lesson(dataset: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Lesson]:
    examples = dataset((14, 6, 2))

    def make(folder: Path | None = None, **settings: Any) -> Lesson:
        usual = {"model": UNet(filters=4, depth=1, dropout=0.2), "epochs": 2, "batch_size": 4, "learning_rate": 0.01}
        folder = folder or tmp_path_factory.mktemp("lesson")
        return Lesson.prepared(
            Train(**{**usual, **settings}),
            examples,
            strategy=tf.distribute.get_strategy(),
            checkpoint=folder / "checkpoint",
            logs=folder / "logs",
        )

    return make
