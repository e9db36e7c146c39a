import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from kfp import dsl
from pyproj import Transformer
from sklearn import metrics as sklearn_metrics

from components.evaluate_model import champion, parameters
from components.evaluate_model.champion import ChampionError
from components.evaluate_model.component import evaluate_model
from components.evaluate_model.scoring import held_out, score
from earthline import patches
from earthline.config import Evaluate
from earthline.formats.evaluations import Evaluation, Scores
from earthline.formats.learned_ground import LearnedGround
from earthline.formats.manifest import Manifest
from earthline.formats.served.contract import Contract
from earthline.grid import Grid
from earthline.task.bootstrap import Bootstrap
from earthline.task.classification.accuracy import ClassDetails, accuracy, confusion
from earthline.task.classification.task import Classification
from earthline.vertex.champion import NONE, Champion
from trainer.description import Description

# Keras hands TensorFlow's arrays to h5py, and those do not know NumPy 2's `copy` yet: nothing of ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

NAMES = ("a", "b", "c")
PIXELS = 40
IDS = npst.arrays(np.uint8, PIXELS, elements=st.integers(0, 2))
BLOCKS = np.repeat(np.arange(5), PIXELS // 5)


def scored(labels: np.ndarray, predictions: np.ndarray) -> Scores:
    return accuracy(confusion(labels, predictions, BLOCKS, 3), NAMES, Bootstrap(5, 0.9, 0))


@given(IDS, IDS)
def test_metrics_are_those_of_scikit_learn_over_the_classes_with_labels(
    labels: np.ndarray, predictions: np.ndarray
) -> None:
    found = scored(labels, predictions)
    details = ClassDetails.of(found)
    np.testing.assert_array_equal(
        details.confusion, sklearn_metrics.confusion_matrix(labels, predictions, labels=[0, 1, 2])
    )
    assert found.metrics["accuracy"].value == pytest.approx(sklearn_metrics.accuracy_score(labels, predictions))
    there = sorted(set(labels.tolist()))
    options = {"labels": there, "average": None, "zero_division": 0}
    f1 = sklearn_metrics.f1_score(labels, predictions, **options)
    iou = sklearn_metrics.jaccard_score(labels, predictions, **options)
    recall = sklearn_metrics.recall_score(labels, predictions, **options)
    precision = sklearn_metrics.precision_score(labels, predictions, **options)
    for place, class_id in enumerate(there):
        each = details.classes[class_id]
        assert (each.f1, each.iou, each.recall) == pytest.approx((f1[place], iou[place], recall[place]))
        assert each.precision is None or each.precision == pytest.approx(precision[place])
    assert found.metrics["macro_f1"].value == pytest.approx(f1.mean())
    assert found.metrics["mean_iou"].value == pytest.approx(iou.mean())
    for class_id in {0, 1, 2} - set(there):
        assert (details.classes[class_id].f1, details.classes[class_id].iou, details.classes[class_id].recall) == (
            None,
        ) * 3


def test_a_class_without_test_labels_reverses_no_order() -> None:
    # `c` has no test label. One model takes a single pixel for it, the other none, and is worse everywhere else.
    labels = np.tile([0, 1], PIXELS // 2)
    better, worse = labels.copy(), labels.copy()
    better[0] = 2
    worse[:10] = 1 - worse[:10]
    one, other = scored(labels, better), scored(labels, worse)
    for name, least in (("macro_f1", 2 / 3), ("mean_iou", 0)):
        assert one.metrics[name].value > other.metrics[name].value > least
    assert ClassDetails.of(one).classes[2].precision == 0 and ClassDetails.of(other).classes[2].precision is None


def test_no_test_pixel_is_an_error() -> None:
    nothing = np.zeros(0, int)
    with pytest.raises(ValueError, match="no labelled test pixel"):
        confusion(nothing, nothing, nothing, 3)


def test_overlapping_patches_count_each_pixel_once_and_lie_in_blocks(labelled_examples: Path) -> None:
    manifest = Manifest.read(labelled_examples)
    read = patches.read(labelled_examples, manifest, "test")
    # Six patches of 8 rows, each 4 below the last: 28 x 8 pixels of ground; a corner is masked in each patch, and all
    # but the first patch's lie inside another patch as well.
    assert read.labelled.sum() == 28 * 8 - 1
    row, column = read.ground
    assert len({*zip(row.tolist(), column.tolist(), strict=True)}) == 28 * 8 - 1
    assert (row.min(), row.max(), column.max()) == (0, 27, 7)
    np.testing.assert_array_equal(read.blocks(manifest), row // 8)
    np.testing.assert_array_equal(read.valid[:, 0, 0], False)


def test_the_step_writes_everything_and_returns_the_gate(trained: Any, tmp_path: Path) -> None:
    metrics, matrix = dsl.Metrics(), dsl.ClassificationMetrics()
    outcome = evaluate_model.python_func(
        data=trained.data,
        evaluate=Evaluate(baseline_trees=10, min_gain=-1, slices={"nir": (2000,)}).model_dump_json(),
        project="sandbox",
        location="us-central1",
        champion=NONE,
        experiment="-",
        examples=trained.examples,
        model=trained.model,
        metrics=metrics,
        confusion=matrix,
        evaluation=dsl.Artifact(uri=str(tmp_path / "evaluation")),
    )
    assert outcome == "blessed"
    written = Evaluation.read(tmp_path / "evaluation")
    assert metrics.metadata["accuracy"] == written.model.metrics["accuracy"].value
    assert (written.test.pixels, written.test.patches, written.test.blocks) == (28 * 8 - 1, 6, 4)
    assert written.test.details == {"classes": ["dark", "bright"], "absent": []}
    assert [each.name for each in written.baselines] == [
        "majority",
        "random forest 3 x 3",
        "random forest 3 x 3 and windows",
        "gradient boosting 3 x 3 and windows",
    ]
    for each in (written.model, *(baseline.scores for baseline in written.baselines)):
        overall = each.metrics["accuracy"]
        assert (overall.interval is None) == (overall.value == 1)
        if overall.interval is not None:
            assert overall.interval.low <= overall.value <= overall.interval.high
        assert sum(map(sum, ClassDetails.of(each).confusion)) == written.test.pixels
    assert written.calibration is not None
    assert sum(part.pixels for part in written.calibration.bins) == written.test.pixels
    by_kind: dict[str, int] = {}
    for part in written.slices:
        by_kind[part.kind] = by_kind.get(part.kind, 0) + part.pixels
        assert set(part.metrics) == {"model", written.best_baseline.name}
    kinds = ("distance to another class", "part of the region", "band nir")
    assert by_kind == {kind: written.test.pixels for kind in kinds}
    assert written.split_effect is not None and written.split_effect.blocks == 9
    assert written.gate.compared_with == written.best_baseline.name
    assert written.gate.gain == pytest.approx(
        written.model.metrics["macro_f1"].value - written.best_baseline.scores.metrics["macro_f1"].value
    )
    shown = matrix.metadata["confusionMatrix"]
    assert [each["displayName"] for each in shown["annotationSpecs"]] == ["dark", "bright"]
    assert [tuple(row["row"]) for row in shown["rows"]] == list(ClassDetails.of(written.model).confusion)
    for figure in ("confusion.png", "reliability.png"):
        assert (tmp_path / "evaluation" / figure).read_bytes().startswith(b"\x89PNG")


def deployed(trained: Any, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Evaluation:
    """The evaluation beside a champion that calls everything `dark`, with this contract."""
    manifest = Manifest.read(Path(trained.examples.path))
    contract = Contract(
        bands=manifest.bands,
        task=manifest.task,
        tile_shape=(8, 8),
        overlap=(0, 0),
        stride=2,
        max_payload_bytes=1_500_000,
        **changes,
    )
    monkeypatch.setattr(
        champion, "predict", lambda _, __, test, *___: (np.zeros(test.labelled.sum(), np.uint8), contract)
    )
    folders = Path(trained.examples.path), Path(trained.model.path)
    return score(Evaluate(baseline_trees=10), *folders, Champion("models/7@2", "gs://b/m"), "sandbox")


def test_a_champion_that_cannot_be_scored_gives_way_to_the_baseline_and_says_why(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ChampionError("it takes the bands x, y")

    monkeypatch.setattr(champion, "predict", refuse)
    folders = Path(trained.examples.path), Path(trained.model.path)
    result = score(Evaluate(baseline_trees=10), *folders, Champion("models/7@2", "gs://b/m"), "sandbox")
    assert result.gate.compared_with == result.best_baseline.name
    assert result.champion is not None and result.champion.scores is None
    assert "models/7@2 does not count: it takes the bands x, y" in result.gate.reason


def test_a_champion_of_the_same_split_counts(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.read(Path(trained.examples.path))
    result = deployed(trained, monkeypatch, split_hash=manifest.split_hash)
    assert result.gate.compared_with == "models/7@2"
    assert result.champion is not None and result.champion.pixels == result.test.pixels
    # It is right about everything dark.
    dark = ClassDetails.of(result.model).classes[0].pixels
    assert result.champion.scores is not None
    assert result.champion.scores.metrics["accuracy"].value == pytest.approx(dark / result.test.pixels)


def test_a_champion_that_may_have_learned_from_the_test_pixels_does_not_count(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = deployed(trained, monkeypatch, split_hash="another")
    assert result.champion is not None and result.champion.scores is None
    assert result.gate.compared_with == result.best_baseline.name
    assert "does not count: its training was split otherwise" in result.gate.reason


def test_a_run_of_an_experiment_says_what_the_model_is_and_learned_from(trained: Any) -> None:
    manifest = Manifest.read(Path(trained.examples.path))
    found = parameters.of(Path(trained.model.path), manifest)
    assert found["model"] == Description.read(Path(trained.model.path)).model["name"]
    assert found["bands"] == ", ".join(manifest.bands) and found["split"] == manifest.split_hash[:12]
    assert found["train_examples"] == manifest.splits["train"].examples
    assert 1 <= int(found["best_epoch"]) <= int(found["epochs"])
    assert all(isinstance(value, int | float | str) for value in found.values()), "the client takes nothing else"


def test_a_model_of_trees_is_not_asked_to_beat_trees(trained: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained.model.path, folder)
    Description.read(folder).model_copy(update={"of_trees": True}).write(folder)
    result = score(Evaluate(baseline_trees=10), Path(trained.examples.path), folder, None, "sandbox")
    assert result.gate.compared_with == "majority"
    assert "need not be beaten" in result.gate.reason
    majority = result.baselines[0].scores.metrics["macro_f1"].value
    assert result.gate.gain == pytest.approx(result.model.metrics["macro_f1"].value - majority)


def box(left: float, top: float, right: float, bottom: float) -> dict[str, Any]:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return {"type": "Polygon", "coordinates": [corners]}


GRID = {"crs": "EPSG:32632", "transform": [10, 0, 600_000, 0, -10, 5_000_000], "shape": [100, 100]}


@pytest.mark.parametrize(
    ("grid", "area"),
    [
        (GRID, box(0, 0, 20, 100)),
        # The same ground from another corner, in coarser pixels and another CRS.
        ({**GRID, "transform": [20, 0, 600_000, 0, -20, 5_000_000], "shape": [50, 50]}, box(0, 0, 10, 50)),
        ({**GRID, "crs": "EPSG:32632", "transform": [10, 0, 599_900, 0, -10, 5_000_100]}, box(10, 10, 30, 110)),
    ],
)
def test_the_ground_that_a_champion_learned_from_is_told_from_the_rest(
    labelled_examples: Path, grid: dict[str, Any], area: dict[str, Any]
) -> None:
    manifest = Manifest.read(labelled_examples).model_copy(update={"grid": GRID})
    coarse = grid["transform"][0] / 10
    contract = Contract(
        bands=("x",),
        task=Classification(NAMES).record,
        tile_shape=(8, 8),
        overlap=(0, 0),
        stride=2,
        max_payload_bytes=1_500_000,
        split_hash="another",
        learned_ground=LearnedGround(grid=grid, area=area, gap=int(10 / coarse)),
    )
    row, column = np.mgrid[0:100, 0:100].reshape(2, -1)
    # Training lay in the first 20 columns, and the ten beside them are too near.
    np.testing.assert_array_equal(held_out(contract, manifest, row, column), column >= 30)


def test_ground_in_another_crs_is_found_on_the_earth(labelled_examples: Path) -> None:
    ground = LearnedGround(
        grid={"crs": "EPSG:4326", "transform": [0.001, 0, 10, 0, -0.001, 46], "shape": [1000, 1000]},
        area=box(500, 0, 1000, 1000),
        gap=0,
    )
    grid = Grid("EPSG:32632", (1000, 0, 580_000, 0, -1000, 5_090_000), (100, 60))
    row, column = np.mgrid[0:100, 0:60].reshape(2, -1)
    x, y = 580_500 + 1000 * column, 5_089_500 - 1000 * row
    longitude, latitude = Transformer.from_crs(32632, 4326, always_xy=True).transform(x, y)
    inside = (longitude > 10.5) & (longitude < 11) & (latitude > 45) & (latitude < 46)
    assert inside.any() and not inside.all()
    np.testing.assert_array_equal(ground.holds(grid, row, column), inside)


def test_a_dataset_tells_its_learned_ground(labelled_examples: Path) -> None:
    manifest = Manifest.read(labelled_examples).model_copy(
        update={
            "grid": GRID,
            "split_areas": {"train": box(0, 0, 4, 4), "validation": box(4, 0, 8, 4), "test": box(20, 0, 30, 9)},
        }
    )
    written = LearnedGround.of(manifest).model_dump_json()
    found = LearnedGround.model_validate_json(written)
    row, column = np.mgrid[0:9, 0:40].reshape(2, -1)
    near = (column < 8 + manifest.gap) & (row < 4 + manifest.gap)
    np.testing.assert_array_equal(found.holds(Grid.from_json(GRID), row, column), near)


def test_a_model_of_other_classes_is_refused(trained: Any, tmp_path: Path) -> None:
    described = json.loads((Path(trained.model.path) / "description.json").read_text())
    described["task"]["entries"] = ["bright", "dark"]
    (tmp_path / "description.json").write_text(json.dumps(described))
    with pytest.raises(ValueError, match="train it again"):
        score(Evaluate(), Path(trained.examples.path), tmp_path, None, "sandbox")
