"""A dataset small enough to train on in a second: bright squares on a dark ground, and masked corners."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earthline.formats.manifest import SPLITS
from tests import datasets

BANDS = ("red", "nir", "swir")


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def write(counts: tuple[int, int, int] = (12, 4, 4)) -> Path:
        folder = tmp_path_factory.mktemp("examples")
        random = np.random.default_rng(5)
        patches = {
            split: [datasets.square(random, index * 100, noise=300, masked=2) for index in range(count)]
            for split, count in zip(SPLITS, counts, strict=True)
        }
        grid = {"shape": [100 * max(counts), datasets.SIDE]}
        datasets.write(folder, patches, bands=BANDS, class_names=datasets.CLASSES, grid=grid)
        return folder

    return write
