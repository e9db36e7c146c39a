"""A dataset small enough to train on in a second: bright squares on a dark ground, and masked corners."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earthline.formats import shards
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, Manifest, Shard, SplitSummary, shard_name
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

SIDE = 8
BANDS = ("red", "nir", "swir")
CLASSES = ("dark", "bright")


def patch(random: np.random.Generator, row: int) -> Patch:
    label = np.zeros((SIDE, SIDE), np.uint8)
    top, left = random.integers(0, SIDE // 2, 2)
    label[top : top + SIDE // 2, left : left + SIDE // 2] = 1
    image = (np.where(label[..., None] == 1, 3000, 1000) + random.integers(0, 300, (SIDE, SIDE, 3))).astype(np.uint16)
    image[:2, :2] = 0
    label[:2, :2] = UNLABELLED
    return Patch(image, label, label != UNLABELLED, row, 0)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def write(counts: tuple[int, int, int] = (12, 4, 4)) -> Path:
        folder = tmp_path_factory.mktemp("examples")
        random = np.random.default_rng(5)
        splits = {}
        for split, count in zip(SPLITS, counts, strict=True):
            patches = [patch(random, index * 100) for index in range(count)]
            labels = [each.label for each in patches]
            name = shard_name(split, 0, 1)
            (folder / name).write_bytes(b"".join(shards.frame(each.encode()) for each in patches))
            splits[split] = SplitSummary(
                examples=count,
                shards=(Shard(name=name, examples=count),),
                labels={
                    "class_pixels": {
                        key: int(sum((each == number).sum() for each in labels)) for number, key in enumerate(CLASSES)
                    }
                },
                labelled_pixels=int(sum((each != UNLABELLED).sum() for each in labels)),
                unlabelled_pixels=int(sum((each == UNLABELLED).sum() for each in labels)),
                masked_pixels=int(sum((each == UNLABELLED).sum() for each in labels)),
            )
        Manifest(
            grid={},
            bands=BANDS,
            data_type="uint16",
            patch_shape=(SIDE, SIDE),
            task=Classification(CLASSES).record,
            label_type="uint8",
            splits=splits,
            gap=SIDE,
            block_shape=(SIDE, SIDE),
            split_areas={},
            seed=0,
            expression_hash="0",
            sources=(),
        ).write(folder)
        return folder

    return write
