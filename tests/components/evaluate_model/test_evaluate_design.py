"""Test patches as a sample of the ground: what they say of all of it, though they were drawn to see rare classes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from shapely.geometry import box, mapping

from components.evaluate_model.design import ground_of, sample_of
from earthline.formats.manifest import Manifest, StratumSample
from earthline.patches import Patches, _once
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.estimates import MapAccuracy
from earthline.task.classification.task import Classification

SIDE, SHAPE = 6, (60, 80)
NAMES = ("common", "rare")
TASK = Classification(NAMES)
AREA = box(0, 0, 60, 60)


def ground() -> tuple[np.ndarray, np.ndarray]:
    """Labels, of which one in eight is rare, and a map that is wrong about one in six."""
    random = np.random.default_rng(2)
    smooth = gaussian_filter(random.normal(size=SHAPE), 3)
    label = (smooth > np.quantile(smooth, 0.87)).astype(np.uint8)
    wrong = gaussian_filter(random.normal(size=SHAPE), 1)
    return label, np.where(wrong > np.quantile(wrong, 0.83), 1 - label, label).astype(np.uint8)


LABEL, MAPPED = ground()
FRAME = np.array([(row, column) for row in range(SHAPE[0] - SIDE + 1) for column in range(60 - SIDE + 1)])
STRATA = LABEL[FRAME[:, 0] + SIDE // 2, FRAME[:, 1] + SIDE // 2]


def cut(values: np.ndarray, corners: np.ndarray) -> np.ndarray:
    return np.stack([values[row : row + SIDE, column : column + SIDE] for row, column in corners.tolist()])


def dataset(corners: np.ndarray, label: np.ndarray = LABEL) -> tuple[Manifest, Patches]:
    """Patches at these corners, and a manifest that says how they were drawn."""
    strata = LABEL[corners[:, 0] + SIDE // 2, corners[:, 1] + SIDE // 2]
    drawn = [
        StratumSample(name=name, frame=int((STRATA == place).sum()), drawn=int((strata == place).sum()))
        for place, name in enumerate(NAMES)
    ]
    manifest = Manifest.model_construct(
        grid={"shape": list(SHAPE)},
        block_shape=(20, 20),
        sampling={"test": tuple(drawn)},
        split_areas={"test": mapping(AREA)},
        placed=True,
    )
    every = cut(label, corners)
    nothing = np.zeros((*every.shape, 1))
    return manifest, Patches(nothing, np.ones(every.shape, bool), every, corners, every)


def estimated(corners: np.ndarray, label: np.ndarray = LABEL) -> MapAccuracy:
    manifest, patches = dataset(corners, label)
    sample = sample_of(manifest, patches, TASK)
    assert sample is not None
    found = TASK.estimates(sample, patches.every[sample.held], cut(MAPPED, corners)[sample.held])
    return MapAccuracy.model_validate(found["estimated"])


def drawn(each: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return FRAME[np.concatenate([random.choice(np.flatnonzero(STRATA == s), each, replace=False) for s in (0, 1)])]


def test_all_patches_together_are_the_ground_itself() -> None:
    found = estimated(FRAME)
    label, mapped = LABEL[:, :60], MAPPED[:, :60]
    assert found.overall is not None and found.overall.value == pytest.approx((label == mapped).mean())
    assert found.overall.ground_interval is None  # nothing is left to chance
    assert found.overall.interval is not None and found.blocks == 9
    for class_id, each in enumerate(found.classes):
        right = (label == class_id) & (mapped == class_id)
        assert each.user is not None and each.user.value == pytest.approx(right.sum() / (mapped == class_id).sum())
        assert each.producer is not None
        assert each.producer.value == pytest.approx(right.sum() / (label == class_id).sum())
        assert each.area is not None and each.area.value == pytest.approx((label == class_id).mean())
        assert each.mapped == pytest.approx((mapped == class_id).mean())
    groups = np.array(found.groups)
    assert groups.sum() == pytest.approx(label.size, rel=1e-4) and len(groups) == 9
    for mapped_as in (0, 1):
        for of_class in (0, 1):
            counted = ((mapped == mapped_as) & (label == of_class)).sum()
            assert groups.sum(axis=0)[mapped_as, of_class] == pytest.approx(counted, rel=1e-3)


def test_pixels_stand_for_as_much_ground_as_their_patches_together() -> None:
    def weighed(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        manifest, patches = dataset(corners)
        sample = sample_of(manifest, patches, TASK)
        assert sample is not None
        once = replace(patches, label=_once(patches.every, patches.corner))
        return ground_of(sample, once), LABEL[once.ground] == 1, float(sample.weight.sum())

    weight, _, _ = weighed(FRAME)
    # All patches were drawn, so that each pixel stands for itself.
    assert len(weight) == 60 * 60 and weight == pytest.approx(1)
    weight, rare, total = weighed(drawn(12))
    # Rare ground was drawn too often, so that a pixel of it stands for less.
    assert weight.sum() == pytest.approx(total) and weight[rare].mean() < 0.5 * weight[~rare].mean()


def test_few_patches_that_show_the_rare_class_tell_how_rare_it_is() -> None:
    corners = drawn(20)
    found = estimated(corners)
    truth = (LABEL[:, :60] == 1).mean()
    area = found.classes[1].area
    assert area is not None and area.ground_interval is not None and area.interval is not None
    assert area.ground_interval.low < truth < area.ground_interval.high
    # In the patches it is far more frequent.
    assert cut(LABEL, corners).mean() > 2 * truth > 1.2 * area.value
    assert found.patches == 40 and found.unsampled == ()


def test_a_stratum_that_was_not_drawn_is_named() -> None:
    only = drawn(20)[:20]
    assert estimated(only).unsampled == ("rare",)


def test_ground_without_labels_counts_for_nothing() -> None:
    # A third of the ground has no label. The rest is what can be judged.
    label = LABEL.copy()
    label[:, :20] = UNLABELLED
    corners = FRAME[label[FRAME[:, 0] + SIDE // 2, FRAME[:, 1] + SIDE // 2] != UNLABELLED]
    manifest, patches = dataset(corners, label)
    counted = [int((STRATA[(FRAME[:, 1] + SIDE // 2) >= 20] == place).sum()) for place in (0, 1)]
    told = tuple(StratumSample(name=name, frame=count, drawn=count) for name, count in zip(NAMES, counted, strict=True))
    sample = sample_of(manifest.model_copy(update={"sampling": {"test": told}}), patches, TASK)
    assert sample is not None
    found = TASK.estimates(sample, patches.every[sample.held], cut(MAPPED, corners)[sample.held])["estimated"]
    right = (LABEL == MAPPED)[:, 20:60].mean()
    assert found["overall"]["value"] == pytest.approx(right, abs=0.005)


@pytest.mark.parametrize("unknown", [{"sampling": {}}, {"placed": False}])
def test_without_a_known_chance_nothing_is_estimated(unknown: dict[str, Any]) -> None:
    manifest, patches = dataset(drawn(5))
    assert sample_of(manifest.model_copy(update=unknown), patches, TASK) is None


def test_a_design_without_strata_gives_all_patches_one_weight_and_lost_ones_count_as_drawn() -> None:
    chosen = np.random.default_rng(3).choice(len(FRAME), 40, replace=False)
    manifest, patches = dataset(FRAME[chosen])
    told = StratumSample(name="all", frame=len(FRAME), drawn=40, lost=10)
    drawn = manifest.model_copy(update={"design": "random", "sampling": {"test": (told,)}})
    sample = sample_of(drawn, patches, TASK)
    assert sample is not None
    assert sample.patches.weights.tolist() == [len(FRAME) / 50] * 40
    # Nothing is asked of ground without imagery, so the figure is the same and its error nearly so.
    right = (MAPPED == LABEL)[FRAME[chosen, 0] + SIDE // 2, FRAME[chosen, 1] + SIDE // 2]
    without = manifest.model_copy(
        update={"design": "random", "sampling": {"test": (told.model_copy(update={"lost": 0}),)}}
    )
    alone = sample_of(without, patches, TASK)
    assert alone is not None
    one, other = (each.patches.ratios(right, np.ones(40)) for each in (sample, alone))
    assert one.value == pytest.approx(other.value) and one.error == pytest.approx(other.error, rel=0.02)
