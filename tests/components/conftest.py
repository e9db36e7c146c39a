"""Examples, and a model trained on them by the step itself, both tiny: a bright square on a dark ground."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from kfp import dsl
from shapely.geometry import box, mapping

from earthline.config import Data, Train
from earthline.formats.manifest import SPLITS
from tests import datasets
from tests.datasets import CLASSES, SIDE

BANDS = ("swir", "nir", "red")
"""Not in alphabetical order, so that sorting them shows."""


@dataclass(frozen=True)
class Trained:
    """What train_model leaves."""

    data: str
    examples: dsl.Dataset
    model: dsl.Model
    metrics: dsl.Metrics


@pytest.fixture(scope="session")
def labelled_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled_examples")
    random = np.random.default_rng(5)
    # Neighbours overlap by half: a pixel of the ground lies in two patches.
    patches = {
        split: [datasets.square(random, index * SIDE // 2, noise=2500, masked=1) for index in range(count)]
        for split, count in zip(SPLITS, (16, 4, 6), strict=True)
    }
    datasets.write(
        folder,
        patches,
        bands=BANDS,
        class_names=CLASSES,
        grid={"crs": "EPSG:32632", "transform": [10, 0, 600_000, 0, -10, 5_000_000], "shape": [72, 8]},
        block_shape=(SIDE, SIDE),
        split_areas={split: mapping(box(0, 0, SIDE, 72)) for split in SPLITS},
    )
    return folder


@pytest.fixture(scope="session")
def data_section() -> str:
    return Data.model_validate(
        {
            "imagery": {"image": "a/image", "bands": BANDS},
            "labels": {
                "image": "a/label",
                "band": "b1",
                "classes": [
                    {"name": name, "color": "#123456", "values": [value]} for value, name in enumerate(CLASSES)
                ],
            },
        }
    ).model_dump_json()


@pytest.fixture(scope="session")
def trained(labelled_examples: Path, data_section: str, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    from components.train_model.component import train_model

    folder = tmp_path_factory.mktemp("trained")
    result = Trained(
        data_section,
        dsl.Dataset(uri=str(labelled_examples)),
        dsl.Model(uri=str(folder / "model")),
        dsl.Metrics(uri=str(folder / "metrics")),
    )
    section = Train.model_validate(
        {
            "model": {"filters": 4, "depth": 1, "dropout": 0.0},
            "epochs": 3,
            "batch_size": 4,
            "learning_rate": 0.02,
        }
    )
    train_model.python_func(
        data=data_section,
        train=section.model_dump_json(),
        examples=result.examples,
        model=result.model,
        metrics=result.metrics,
    )
    return result
