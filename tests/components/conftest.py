"""Examples, and a model trained on them by the step itself, both tiny: a bright square on a dark ground."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from kfp import dsl
from shapely.geometry import box, mapping

from earthline.config import Data, Train
from earthline.formats import shards
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, Manifest, Shard, SplitSummary, shard_name
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

SIDE = 8
BANDS = ("swir", "nir", "red")
"""Not in alphabetical order, so that sorting them shows."""
CLASSES = ("dark", "bright")


@dataclass(frozen=True)
class Trained:
    """What train_model leaves."""

    data: str
    examples: dsl.Dataset
    model: dsl.Model
    metrics: dsl.Metrics


def _patch(random: np.random.Generator, row: int) -> Patch:
    label = np.zeros((SIDE, SIDE), np.uint8)
    top, left = random.integers(0, SIDE // 2, 2)
    label[top : top + SIDE // 2, left : left + SIDE // 2] = 1
    noise = random.integers(0, 2500, (SIDE, SIDE, 3))
    image = (np.where(label[..., None] == 1, 3000, 1000) + noise).astype(np.uint16)
    image[0, 0] = 0
    label[0, 0] = UNLABELLED
    return Patch(image, label, label != UNLABELLED, row, 0)


@pytest.fixture(scope="session")
def labelled_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled_examples")
    random = np.random.default_rng(5)
    splits = {}
    for split, count in zip(SPLITS, (16, 4, 6), strict=True):
        # Neighbours overlap by half: a pixel of the ground lies in two patches.
        patches = [_patch(random, index * SIDE // 2) for index in range(count)]
        name = shard_name(split, 0, 1)
        (folder / name).write_bytes(b"".join(shards.frame(patch.encode()) for patch in patches))
        pixels = {name: sum(int((patch.label == key).sum()) for patch in patches) for key, name in enumerate(CLASSES)}
        splits[split] = SplitSummary(
            examples=count,
            shards=(Shard(name=name, examples=count),),
            labels={"class_pixels": pixels},
            labelled_pixels=sum(pixels.values()),
            unlabelled_pixels=count,
            masked_pixels=count,
        )
    Manifest(
        grid={"crs": "EPSG:32632", "transform": [10, 0, 600_000, 0, -10, 5_000_000], "shape": [72, 8]},
        bands=BANDS,
        data_type="uint16",
        patch_shape=(SIDE, SIDE),
        task=Classification(CLASSES).record,
        label_type="uint8",
        splits=splits,
        gap=SIDE,
        block_shape=(SIDE, SIDE),
        split_areas={split: mapping(box(0, 0, SIDE, 72)) for split in SPLITS},
        seed=0,
        expression_hash="0",
        sources=(),
    ).write(folder)
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
