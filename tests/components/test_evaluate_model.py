import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from kfp import dsl
from sklearn import metrics as sklearn_metrics

from components.evaluate_model import champion, patches
from components.evaluate_model.accuracy import accuracy, area_adjusted, confusion
from components.evaluate_model.baseline import Forest, context
from components.evaluate_model.champion import Champion, ChampionError
from components.evaluate_model.component import evaluate_model
from components.evaluate_model.evaluation import Evaluation, decide
from components.evaluate_model.run import score
from earthline.config import Evaluate
from earthline.contract import Contract
from earthline.examples import UNLABELLED, Manifest

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

NAMES = ("a", "b", "c")
IDS = npst.arrays(np.uint8, 40, elements=st.integers(0, 2))


@given(IDS, IDS)
def test_figures_are_those_of_scikit_learn(labels: np.ndarray, predictions: np.ndarray) -> None:
    matrix = confusion(labels, predictions, 3)
    np.testing.assert_array_equal(matrix, sklearn_metrics.confusion_matrix(labels, predictions, labels=[0, 1, 2]))
    found = accuracy(matrix, NAMES)
    assert found.overall == pytest.approx(sklearn_metrics.accuracy_score(labels, predictions))
    options = {"labels": [0, 1, 2], "average": None, "zero_division": 0}
    for key, expected in (
        ("precision", sklearn_metrics.precision_score(labels, predictions, **options)),
        ("recall", sklearn_metrics.recall_score(labels, predictions, **options)),
        ("f1", sklearn_metrics.f1_score(labels, predictions, **options)),
        ("iou", sklearn_metrics.jaccard_score(labels, predictions, **options)),
    ):
        for each, value in zip(found.classes, expected, strict=True):
            shown = getattr(each, key)
            assert shown is None or shown == pytest.approx(value)


def test_a_class_that_never_occurs_has_no_figures_and_lowers_no_mean() -> None:
    found = accuracy(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]), NAMES)
    assert (found.classes[2].precision, found.classes[2].recall, found.classes[2].iou) == (None, None, None)
    assert found.mean_iou == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_no_test_pixel_is_an_error() -> None:
    with pytest.raises(ValueError, match="no labelled test pixel"):
        accuracy(np.zeros((3, 3), int), NAMES)


def test_area_adjusted_figures_are_those_of_the_published_example() -> None:
    # Olofsson et al. 2014, Good practices for estimating area and assessing accuracy of land change, table 8:
    # deforestation, forest gain, stable forest, stable non-forest.
    matrix = np.array([[66, 0, 1, 2], [0, 55, 0, 1], [5, 8, 153, 9], [4, 12, 11, 313]])
    mapped = np.array([200_000, 150_000, 3_200_000, 6_450_000])
    found = area_adjusted(matrix, mapped, ("loss", "gain", "forest", "other"))
    assert found is not None
    assert found.overall == pytest.approx(0.947, abs=5e-4)
    assert 1.96 * found.overall_error == pytest.approx(0.018, abs=5e-4)
    assert found.area_shares["loss"] == pytest.approx(0.024, abs=5e-4)
    assert 1.96 * found.area_errors["loss"] * mapped.sum() * 0.09 == pytest.approx(6_158, rel=0.02)


def test_without_two_test_pixels_in_a_mapped_class_nothing_is_estimated() -> None:
    assert area_adjusted(np.array([[5, 1], [0, 0]]), np.array([9, 9]), ("a", "b")) is None


def test_context_holds_each_neighbour_at_its_place() -> None:
    image = np.arange(2 * 4 * 5 * 2).reshape(2, 4, 5, 2)
    seen = context(image, 3)
    assert seen.shape == (2, 4, 5, 18)
    np.testing.assert_array_equal(seen[1, 2, 3].reshape(3, 3, 2), image[1, 1:4, 2:5])
    np.testing.assert_array_equal(seen[0, 0, 0].reshape(3, 3, 2)[0, 0], image[0, 0, 0])


def test_the_baseline_is_the_same_for_the_same_seed_and_skips_unlabelled_pixels() -> None:
    random = np.random.default_rng(0)
    label = random.integers(0, 3, (4, 8, 8)).astype(np.uint8)
    image = np.stack([label * 50, random.integers(0, 99, label.shape)], axis=-1).astype(np.uint8)
    label[:, :2] = UNLABELLED
    results = []
    for seed in (1, 1, 2):
        forest = Forest(trees=10, side=3, seed=seed)
        assert forest.fit(image, label) == (label != UNLABELLED).sum()
        results.append(forest.predict(image))
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()
    assert set(np.unique(results[0])) <= {0, 1, 2}


def test_overlapping_patches_count_each_pixel_once(labelled_examples: Path) -> None:
    read = patches.read(labelled_examples, Manifest.read(labelled_examples), "test")
    # Six patches of 8 rows, each 4 below the last: 28 x 8 pixels of ground; a corner is masked in each patch, and all
    # but the first patch's lie inside another patch as well.
    assert read.labelled.sum() == 28 * 8 - 1


@pytest.mark.parametrize(
    ("model", "baseline", "champion_accuracy", "min_gain", "blessed", "compared"),
    [
        (0.70, 0.69, None, 0.0, True, "baseline"),
        (0.70, 0.70, None, 0.0, False, "baseline"),
        (0.70, 0.69, None, 0.02, False, "baseline"),
        (0.70, 0.75, 0.70, 0.0, True, "models/1@1"),
        (0.70, 0.60, 0.71, 0.0, False, "models/1@1"),
        (0.70, 0.75, None, -1.0, True, "baseline"),
    ],
)
def test_the_gate(
    model: float, baseline: float, champion_accuracy: float | None, min_gain: float, blessed: bool, compared: str
) -> None:
    gate = decide(model, baseline, min_gain, champion_accuracy, "models/1@1")
    assert (gate.blessed, gate.compared_with) == (blessed, compared)
    assert f"{gate.gain:+.4f}" in gate.reason


def test_the_step_writes_everything_and_returns_the_gate(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(champion, "find", lambda *_: None)
    metrics, matrix = dsl.Metrics(), dsl.ClassificationMetrics()
    outcome = evaluate_model.python_func(
        data=trained.data,
        evaluate=Evaluate(baseline_trees=10, min_gain=-1).model_dump_json(),
        project="sandbox",
        location="us-central1",
        endpoint_name="e",
        examples=trained.examples,
        model=trained.model,
        metrics=metrics,
        confusion=matrix,
        evaluation=dsl.Artifact(uri=str(tmp_path / "evaluation")),
    )
    assert outcome == "blessed"
    written = Evaluation.read(tmp_path / "evaluation")
    assert metrics.metadata["accuracy"] == written.model.overall
    assert written.model.pixels == written.baseline.pixels == 28 * 8 - 1
    shown = matrix.metadata["confusionMatrix"]
    assert [each["displayName"] for each in shown["annotationSpecs"]] == ["dark", "bright"]
    assert [tuple(row["row"]) for row in shown["rows"]] == list(written.model.confusion)
    for name in ("confusion.png", "learning_curves.png"):
        assert (tmp_path / "evaluation" / name).read_bytes().startswith(b"\x89PNG")


def test_a_champion_that_cannot_be_scored_gives_way_to_the_baseline_and_says_why(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ChampionError("it takes the bands x, y")

    monkeypatch.setattr(champion, "predict", refuse)
    result = score(
        Evaluate(baseline_trees=10),
        Path(trained.examples.path),
        Path(trained.model.path),
        Champion("models/7@2", "gs://b/m"),
        "sandbox",
    )
    assert result.gate.compared_with == "baseline" and result.champion is None
    assert "models/7@2 does not count: it takes the bands x, y" in result.gate.reason


@pytest.mark.parametrize("same", [True, False])
def test_a_champion_of_another_split_counts_and_the_gate_says_what_its_figure_is_worth(
    trained: Any, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    manifest = Manifest.read(Path(trained.examples.path))
    contract = Contract(
        bands=manifest.bands,
        class_names=manifest.class_names,
        tile_shape=(8, 8),
        overlap=(0, 0),
        stride=2,
        max_payload_bytes=1_500_000,
        split_hash=manifest.split_hash if same else "another",
    )
    monkeypatch.setattr(champion, "predict", lambda _, __, image, *___: (np.zeros(image.shape[:3], np.uint8), contract))
    folders = Path(trained.examples.path), Path(trained.model.path)
    result = score(Evaluate(baseline_trees=10), *folders, Champion("models/7@2", "gs://b/m"), "sandbox")
    assert result.gate.compared_with == "models/7@2"
    assert ("may have seen these test pixels" in result.gate.reason) == (not same)


def test_a_model_of_other_classes_is_refused(trained: Any, tmp_path: Path) -> None:
    described = json.loads((Path(trained.model.path) / "description.json").read_text())
    described["class_names"] = ["bright", "dark"]
    (tmp_path / "description.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match="train it again"):
        score(Evaluate(), Path(trained.examples.path), tmp_path, None, "sandbox")
