"""A model of patches drawn around all classes alike maps as much of each as there is, once told how much that is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from earthline.config import Train
from earthline.config.sections.train.prior import Prior
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS, StratumSample
from tests import datasets
from trainer import saved_network, training
from trainer.confidence import prior
from trainer.description import Description
from trainer.heads.regression import RegressionHead
from trainer.models.linear import Linear

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SIDE, PATCH = 256, 8
CLASSES = ("ground", "pond")
Array = np.ndarray[Any, Any]


def scene() -> tuple[Array, Array]:
    """Ponds on a twentieth of the ground, in one band that tells them only in part."""
    random = np.random.default_rng(0)
    field = ndimage.gaussian_filter(random.normal(size=(SIDE, SIDE)), 3)
    label = (field > np.quantile(field, 0.95)).astype(np.uint8)
    image = 3000 + 1000.0 * label + random.normal(0, 500, label.shape)
    return image[..., np.newaxis].astype(np.uint16), label


def written(folder: Path, *, chances: bool = True) -> Path:
    """Patches whose middle pixel is of one class as often as of the other."""
    image, label = scene()
    random, half = np.random.default_rng(1), PATCH // 2
    middles = label[half : SIDE - half, half : SIDE - half]
    patches: dict[str, list[Patch]] = {split: [] for split in SPLITS}
    for of_split, count in zip(patches.values(), (80, 20, 1), strict=True):
        for stratum in (0, 1):
            places = random.permutation(np.argwhere(middles == stratum))[:count]
            for row, column in places.tolist():
                window = np.s_[row : row + PATCH, column : column + PATCH]
                valid = np.ones((PATCH, PATCH), bool)
                of_split.append(Patch(image[window], label[window], valid, row, column))
    frame = [int((middles == stratum).sum()) for stratum in (0, 1)]
    sampling = {
        split: tuple(
            StratumSample(name=name, frame=size, drawn=len(of_split) // 2)
            for name, size in zip(CLASSES, frame, strict=True)
        )
        for split, of_split in patches.items()
    }
    folder.mkdir()
    grid = {"shape": [SIDE, SIDE]}
    given = {"sampling": sampling} if chances else {"design": ""}
    datasets.write(folder, patches, bands=("one",), class_names=CLASSES, grid=grid, **given)
    return folder


def mapped(examples: Path, folder: Path, **section: Any) -> tuple[float, float]:
    """Share of the scene that is mapped as pond, and mean probability of it."""
    train = Train(model=Linear(), epochs=30, batch_size=8, learning_rate=0.05, **section)
    training.run(train, examples, folder)
    image, _ = scene()
    inputs = [image[np.newaxis].astype(np.float32), np.ones((1, SIDE, SIDE, 1), np.float32)]
    found = np.asarray(saved_network.read(folder)(inputs))[0]
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    return float(found.argmax(axis=-1).mean()), float(found[..., 1].mean())


def test_as_much_is_mapped_as_there_is(tmp_path: Path) -> None:
    examples = written(tmp_path / "examples")
    plain, probability = mapped(examples, tmp_path / "plain")
    moved, told = mapped(examples, tmp_path / "moved", prior=Prior())
    equal, _ = mapped(examples, tmp_path / "equal", prior=Prior(towards="equal", strength=0.5))
    assert probability > 0.08, "ponds of one pixel in twenty are seen too often"
    assert abs(told - 0.05) < 0.015
    assert moved < plain < equal
    recorded = Description.read(tmp_path / "moved").certainty.prior
    assert recorded is not None and recorded[0] > 1 > recorded[1]
    assert Description.read(tmp_path / "plain").certainty.prior is None


def test_places_that_somebody_chose_tell_no_shares(tmp_path: Path) -> None:
    examples = written(tmp_path / "examples", chances=False)
    with pytest.raises(ValueError, match=r"train\.prior: nobody knows with what chance .* write `towards: equal`"):
        training.run(Train(model=Linear(), prior=Prior()), examples, tmp_path / "model")


def test_values_and_weighted_classes_have_no_prior(tmp_path: Path) -> None:
    examples = written(tmp_path / "examples")
    weighted = Train(model=Linear(), prior=Prior(), loss={"name": "cross_entropy", "class_weights": "sqrt"})
    with pytest.raises(ValueError, match=r"train\.prior and train\.loss\.class_weights: sqrt both say"):
        training.run(weighted, examples, tmp_path / "model")
    lesson: Any = SimpleNamespace(
        head=SimpleNamespace(gives_probabilities=RegressionHead.gives_probabilities),
        manifest=SimpleNamespace(task=SimpleNamespace(entries=("height",))),
        store=SimpleNamespace(train=SimpleNamespace(label=np.zeros((1, 2, 2)))),
    )
    with pytest.raises(ValueError, match=r"labels are no classes"):
        prior.factors(Prior(), lesson)
