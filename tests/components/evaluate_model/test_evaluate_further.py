"""What is told beside the gate: certainty, parts of the ground, and what a random split would have made of it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from components.evaluate_model import split_effect
from components.evaluate_model.baseline import Pixels
from components.evaluate_model.believed import applicability, prediction_sets
from components.evaluate_model.calibration import calibration
from components.evaluate_model.slices import by_band, regions, slices
from earthline.formats.certainty import Certainty
from earthline.formats.evaluations import Interval, Metric
from earthline.formats.manifest import Manifest
from earthline.task.bootstrap import Bootstrap
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification

TASK = Classification(("a", "b"))


def manifest(**changes: object) -> Manifest:
    grid = {"shape": [90, 120], "transform": [10, 0, 0, 0, -10, 0]}
    return Manifest.model_construct(**{"grid": grid, "block_shape": (30, 30), "placed": True, **changes})


def test_the_calibration_error_is_the_distance_of_certainty_and_truth() -> None:
    random = np.random.default_rng(0)
    block, certainty = np.repeat(np.arange(6), 4000), random.uniform(0.3, 1, 24_000)
    honest = calibration(certainty, random.random(24_000) < certainty, block, Bootstrap(6, 0.9, 0))
    assert honest.error.value < 0.02 and [part.pixels for part in honest.bins[:3]] == [0, 0, 0]
    # Each of 5 bins is too sure in some blocks and too little in others, which together are right; few resamples are.
    bins, many = np.meshgrid(np.arange(5), np.arange(8))
    sure = np.repeat(0.35 + 0.1 * bins, 1000)
    off = np.stack([random.permutation([-0.3, -0.2, -0.1, -0.1, 0.1, 0.1, 0.2, 0.3]) for _ in range(5)], axis=1)
    right = np.tile(np.arange(1000) / 1000, 40) < sure + np.repeat(off, 1000)
    mixed = calibration(sure, right, np.repeat(many, 1000), Bootstrap(8, 0.9, 0))
    assert mixed.error.value < 0.02 and mixed.error.interval is not None
    assert mixed.error.interval.low == mixed.error.value and mixed.error.interval.high > 0.06
    boasting = calibration(certainty, random.random(24_000) < certainty - 0.2, block, Bootstrap(6, 0.9, 0))
    assert boasting.error.value == pytest.approx(0.2, abs=0.02)
    assert boasting.error.interval is not None
    assert boasting.error.interval.low < boasting.error.value < boasting.error.interval.high
    last = boasting.bins[-1]
    assert last.certainty == pytest.approx(0.95, abs=0.01) and last.right == pytest.approx(0.75, abs=0.02)


def test_on_all_ground_each_pixel_counts_for_what_it_stands_for() -> None:
    # Drawn alike: ten blocks of common pixels, of which the model says the truth, and rare ones of which it boasts.
    block, rare = np.repeat(np.arange(10), 200), np.tile([False, True], 1000)
    certainty, right = np.full(2000, 0.9), np.tile(np.arange(20) // 2 < 9, 100)
    right[rare] = np.tile(np.arange(10) < 5, 100)
    weight = np.where(rare, 1.0, 9.0)
    found = calibration(certainty, right, block, Bootstrap(10, 0.9, 0), weight)
    assert found.error.value == pytest.approx(0.9 - 0.7) and found.ground is not None
    assert found.ground.value == pytest.approx(0.9 - (0.9 * 0.9 + 0.1 * 0.5))
    assert calibration(certainty, right, block, Bootstrap(10, 0.9, 0)).ground is None
    # Sets hold every common label and half of the rare ones.
    sets = np.stack([~rare, rare & right], axis=1)
    held = prediction_sets(sets, rare.astype(np.uint8), 0.75, block, Bootstrap(10, 0.9, 0), ("a", "b", "c"), weight)
    assert held.held.value == pytest.approx(0.75) and held.ground is not None
    assert held.ground.value == pytest.approx(0.95)
    assert {name: each.value for name, each in held.by_label.items()} == {"a": 1.0, "b": pytest.approx(0.5)}


def test_pixels_near_another_class_are_told_from_those_inside() -> None:
    label = np.zeros((2, 9, 12), np.uint8)
    label[0, :, 6:] = 1
    label[1, 4, 4] = UNLABELLED  # no other class
    near = TASK.slices(label)["distance to another class"]
    assert near["at most 2 px"][0].any(axis=0).nonzero()[0].tolist() == [4, 5, 6, 7]
    unknown = near["not known: ground within 2 px has no label"]
    assert not near["at most 2 px"][1].any() and not unknown[0].any()
    rows, columns = unknown[1].nonzero()
    assert (rows.min(), rows.max(), columns.min(), columns.max(), len(rows)) == (2, 6, 2, 6, 25)
    assert ((near["at most 2 px"] ^ near["over 2 px"]) ^ unknown).all()


def test_of_points_nobody_knows_how_near_another_class_is() -> None:
    label = np.full((3, 8, 8), UNLABELLED, np.uint8)
    label[:, 4, 4] = [0, 1, 2]
    assert TASK.slices(label) == {}
    label[0, 4, 6] = 1  # two points that are neighbours tell it of each other
    near = TASK.slices(label)["distance to another class"]
    assert np.argwhere(near["at most 2 px"]).tolist() == [[0, 4, 4], [0, 4, 6]]


def test_parts_of_the_region_have_the_names_of_the_compass() -> None:
    row, column = np.array([0, 45, 89, 0]), np.array([0, 60, 119, 119])
    found = {name: np.flatnonzero(chosen).tolist() for name, chosen in regions(manifest(), row, column).items()}
    assert found == {"north-west": [0], "north-east": [3], "middle": [1], "south-east": [2]}
    turned = manifest(grid={"shape": [90, 120], "transform": [-10, 0, 0, 0, 10, 0]})
    assert set(regions(turned, row[:2], column[:2])) == {"south-east", "middle"}
    assert regions(manifest(), row[:1], column[:1]) == {} == regions(manifest(placed=False), row, column)


def test_ground_is_divided_by_the_values_of_a_band() -> None:
    found = by_band(np.array([199.0, 200, 499, 500, np.nan, -5]), (200, 500))
    assert {name: np.flatnonzero(chosen).tolist() for name, chosen in found.items()} == {
        "below 200": [0, 5],
        "200 to below 500": [1, 2],
        "500 and above": [3],
    }


def test_each_part_has_metrics_and_blocks_of_its_own() -> None:
    label, block = np.tile([0, 1], 50), np.repeat(np.arange(5), 20)
    good = label.copy()
    good[:40] = 1 - good[:40]
    parts = {"side": {"left": block < 2, "right": block >= 2, "nowhere": block > 9}}
    left, right = slices(TASK, parts, label, block, {"model": good}, 0.9, 0)
    assert (left.name, left.pixels, left.blocks, left.metrics["model"]["accuracy"].value) == ("left", 40, 2, 0)
    assert (right.name, right.pixels, right.blocks, right.metrics["model"]["accuracy"].value) == ("right", 60, 3, 1)


def test_sets_are_held_to_their_promise_and_ground_is_told_apart_by_where_the_model_applies() -> None:
    label, block = np.tile([0, 1, 1, 0], 30), np.repeat(np.arange(6), 20)
    sets = np.ones((120, 2), bool)
    sets[block < 2, 1] = False  # of two blocks in six, the sets lack a class
    found = prediction_sets(sets, label, 0.9, block, Bootstrap(6, 0.9, 0), ("a", "b"))
    assert found.ground is None and found.by_label["a"].value == 1
    assert found.by_label["b"].value == pytest.approx(1 - 2 / 6)
    assert found.held.value == pytest.approx(1 - 1 / 6) and found.size.value == pytest.approx(10 / 6)
    assert found.held.interval is not None and found.held.interval.low < 0.8 < 0.95 < found.held.interval.high
    certainty = Certainty(dissimilarity_limit=0.5)
    parts = applicability(np.array([[9, 0.2], [9, 0.6]]), ("q0.05", "dissimilarity"), certainty)
    assert {name: chosen.tolist() for name, chosen in parts.items()} == {
        "inside": [True, False],
        "outside": [False, True],
    }
    assert applicability(np.zeros((2, 0)), (), Certainty()) == {}


def test_a_random_split_flatters_where_labels_hang_together_and_the_image_tells_nothing() -> None:
    # The features are noise that is smooth over space: they tell places apart, and nothing about the classes.
    random = np.random.default_rng(1)
    smooth = np.stack([gaussian_filter(random.normal(size=(90, 120)), 8) for _ in range(5)], axis=-1)
    label = (smooth[..., 4] > np.median(smooth[..., 4])).astype(np.uint8)
    row, column = (axis.ravel() for axis in np.mgrid[0:90:2, 0:120:2])
    pixels = Pixels(
        smooth[row, column, :4].astype(np.float32), label[row, column], row // 6 * 20 + column // 6, row, column
    )
    found = split_effect.measured(TASK, manifest(), pixels, 0.9, 0)
    assert found is not None and (found.blocks, found.pixels) == (12, len(row))
    apart, together = found.blocked["accuracy"].value, found.random["accuracy"].value
    assert together > apart + 0.15
    gain = found.gains["accuracy"]
    assert gain.value == pytest.approx(together - apart) and gain.interval is not None
    assert 0 < gain.interval.low < gain.value < gain.interval.high
    assert found.told("accuracy") == "A random split would have shown more than there is"
    alike = found.model_copy(update={"gains": {"accuracy": Metric(value=0.1, interval=Interval(low=-0.1, high=0.3))}})
    assert "cannot be told from chance" in alike.told("accuracy")
    assert split_effect.measured(TASK, manifest(placed=False), pixels, 0.9, 0) is None
    assert split_effect.measured(TASK, manifest(block_shape=(90, 90)), pixels, 0.9, 0) is None
