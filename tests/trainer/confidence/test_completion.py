"""A trained network tells where it may be believed, and how many classes it cannot rule out."""

from pathlib import Path

import numpy as np
import pytest

from earthline.config import Train
from earthline.config.sections.train.certainty import Certainty
from earthline.formats.certainty import DISSIMILARITY
from earthline.formats.manifest import SPLITS
from earthline.task.classification.task import Classification
from tests import datasets
from tests.trainer.conftest import BANDS
from trainer import saved_network, training
from trainer.description import Description
from trainer.models.pixel_mlp import PixelMlp


def written(folder: Path, counts: tuple[int, int, int]) -> Path:
    random = np.random.default_rng(5)
    patches = {
        split: [datasets.square(random, 100 * index, noise=300, masked=2) for index in range(count)]
        for split, count in zip(SPLITS, counts, strict=True)
    }
    folder.mkdir()
    grid = {"shape": [100 * max(counts), 100]}
    datasets.write(folder, patches, bands=BANDS, class_names=datasets.CLASSES, grid=grid)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    section = Train(model=PixelMlp(), epochs=3, certainty=Certainty(applicability=True, coverage=0.8))
    training.run(section, written(folder / "examples", (12, 4, 4)), folder / "model")
    return folder / "model"


def test_pixels_unlike_the_training_lie_outside_of_the_area(trained: Path) -> None:
    described, network = Description.read(trained), saved_network.read(trained)
    limit = described.certainty.dissimilarity_limit
    assert described.further == (DISSIMILARITY,) and limit is not None and 0 < limit
    mean = np.array(described.mean, np.float32)
    alike = np.broadcast_to(mean, (1, 8, 8, 3)).copy()
    unlike = alike + 40 * np.array(described.std, np.float32)
    valid = np.ones((1, 8, 8, 1), np.float32)
    outputs, far = network([alike, valid]).numpy(), network([unlike, valid]).numpy()
    assert outputs.shape == (1, 8, 8, 3)
    np.testing.assert_allclose(outputs[..., :2].sum(axis=-1), 1, atol=1e-5)
    assert (far[..., 2] > limit).all() and (far[..., 2] > outputs[..., 2]).all()


def test_training_pixels_of_one_block_are_refused_with_what_to_do(tmp_path: Path) -> None:
    examples = written(tmp_path / "examples", (1, 1, 1))
    section = Train(model=PixelMlp(), epochs=1, certainty=Certainty(applicability=True))
    with pytest.raises(ValueError, match=r"all training pixels lie in one block.*export\.block_shape"):
        training.run(section, examples, tmp_path / "model")


@pytest.mark.parametrize("coverage", [0.6, 0.8, 0.95])
def test_sets_hold_the_label_as_often_as_asked(coverage: float) -> None:
    """Labels drawn by probabilities that the model does not know, as in a simulation of the method's authors."""
    random, task = np.random.default_rng(11), Classification(("a", "b", "c"), (), (), ())

    def pixels(count: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
        truth = random.dirichlet((1, 1, 1), count)
        labels = np.array([random.choice(3, p=each) for each in truth])
        known = truth**3  # too sure of itself
        return np.hstack([known / known.sum(axis=1, keepdims=True), np.full((count, 1), 7.0)]), labels

    outputs, labels = pixels(4000)
    limit = task.set_limit(outputs, labels, coverage)
    assert limit is not None
    others, truth = pixels(8000)
    sets = task.sets(others, limit)
    assert sets.shape == (8000, 3) and sets.any(axis=1).all()
    assert abs(np.take_along_axis(sets, truth[:, np.newaxis], 1).mean() - coverage) < 0.02
    assert task.set_limit(outputs[:3], labels[:3], 0.95) == 0.0


def sure(count: int, power: float, seed: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Probabilities of a model that is too sure of itself by this power, and labels drawn by the true ones."""
    random = np.random.default_rng(seed)
    truth = random.dirichlet((1, 1, 1), count)
    labels = np.array([random.choice(3, p=each) for each in truth])
    return truth**power / (truth**power).sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_the_temperature_is_the_power_by_which_a_model_is_too_sure(power: float) -> None:
    task = Classification(("a", "b", "c"), (), (), ())
    found = task.temperature(*sure(6000, power, 1))
    assert found == pytest.approx(power, rel=0.1)


def test_pixels_that_are_all_right_set_no_temperature() -> None:
    """However sure the model were, they would call for more."""
    task = Classification(("a", "b", "c"), (), (), ())
    outputs, _ = sure(30, 1.0, 2)
    assert task.temperature(outputs, outputs.argmax(axis=1)) is None


def test_a_tempered_model_is_right_as_often_as_it_says_and_maps_the_same(trained: Path, tmp_path: Path) -> None:
    described, network = Description.read(trained), saved_network.read(trained)
    temperature = described.certainty.temperature
    assert temperature is not None and 0.2 <= temperature <= 5
    # The saved model has it inside: dividing its logarithms once more changes nothing.
    section = Train(model=PixelMlp(), epochs=3, certainty=Certainty(temperature=False))
    training.run(section, written(tmp_path / "examples", (12, 4, 4)), tmp_path / "plain")
    plain = saved_network.read(tmp_path / "plain")
    assert Description.read(tmp_path / "plain").certainty.temperature is None
    random = np.random.default_rng(0)
    image = random.uniform(0, 5000, (2, 16, 16, 3)).astype(np.float32)
    valid = np.ones((2, 16, 16, 1), np.float32)
    one, other = network([image, valid]).numpy()[..., :2], plain([image, valid]).numpy()
    np.testing.assert_array_equal(one.argmax(axis=-1), other.argmax(axis=-1))
    logits = np.log(other) / temperature
    np.testing.assert_allclose(one, np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True), atol=1e-4)
