"""Why a run retrains, or does nothing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.detect_changes.changes import (
    NOTHING_NEW,
    QUANTILES,
    RETRAIN,
    Band,
    Changes,
    Snapshot,
    Source,
    decide,
    drifts,
)
from components.detect_changes.run import other_examples
from components.detect_changes.sources import statistics
from earthline.grid import Grid

SOURCES = (
    Source(role="imagery", asset="scenes", images=4, newest="2026-01-01", version=7),
    Source(role="labels", asset="classes", images=1, version=3),
)
BANDS = {"B1": Band(mean=100, std=20), "B2": Band(mean=5, std=0)}
THEN = Snapshot(sections={"data": "a", "export": "e", "train": "b"}, sources=SOURCES, bands=BANDS)


def judge(now: Snapshot, then: Snapshot | None = THEN, *, deployed: bool = True, force: bool = False) -> Changes:
    return decide(now, then, "run-1" if then else "", deployed=deployed, force=force, drift_limit=0.25, psi_limit=0.25)


def changed(**fields: object) -> Snapshot:
    return THEN.model_copy(update=fields)


def test_the_same_world_is_nothing_new() -> None:
    changes = judge(THEN)
    assert (changes.decision, changes.accepted_run) == (NOTHING_NEW, "run-1")
    assert "run-1" in changes.reasons[0]


def test_labels_of_a_file_are_told_with_how_many_there_were() -> None:
    then = changed(sources=(SOURCES[0], Source(role="labels", asset="features 1f", images=83, version=0)))
    more = Source(role="labels", asset="features 2e", images=131, version=0)
    now = then.model_copy(update={"sources": (SOURCES[0], more), "sections": {**then.sections, "data": "z"}})
    assert judge(now, then).reasons == (
        "the config changed since run-1: data",
        "new labels: 131 features instead of 83",
    )
    assert judge(then, then).decision == NOTHING_NEW
    # A raster in place of a file is a change of the config, and nothing can be counted.
    assert judge(now, THEN).reasons == ("the config changed since run-1: data",)


@pytest.mark.parametrize(
    ("now", "options", "said"),
    [
        (THEN, {"then": None, "deployed": False}, "no run of this workflow was accepted yet"),
        (THEN, {"deployed": False}, "no model is deployed"),
        (THEN, {"force": True}, "asked for"),
        (changed(sections={"data": "a", "train": "c"}), {}, "the config changed since run-1: train"),
        (
            changed(sources=(SOURCES[0].model_copy(update={"images": 6, "newest": "2026-03-01"}), SOURCES[1])),
            {},
            "new imagery: scenes has 6 images instead of 4, the newest of 2026-03-01",
        ),
        (
            changed(sources=(SOURCES[0], SOURCES[1].model_copy(update={"version": 4}))),
            {},
            "new labels: classes was changed",
        ),
        (
            changed(bands={**BANDS, "B1": Band(mean=110, std=20)}),
            {},
            "band B1 drifted: its mean went from 100 to 110, 0.5 standard deviations (limit 0.25)",
        ),
    ],
)
def test_each_reason_to_retrain_is_told(now: Snapshot, options: dict[str, bool], said: str) -> None:
    changes = judge(now, **options)
    assert changes.decision == RETRAIN
    assert len(changes.reasons) == 1
    assert said in changes.reasons[0]


def test_all_reasons_are_told_and_force_adds_none_to_them() -> None:
    changes = judge(changed(sections={"data": "x"}, bands={"B2": Band(mean=6, std=0)}), deployed=False, force=True)
    assert len(changes.reasons) == 3


def test_the_record_comes_back_as_it_was(tmp_path: Path) -> None:
    changes = judge(THEN)
    changes.write(tmp_path / "changes")
    assert Changes.read(tmp_path / "changes") == changes


def test_a_band_without_finite_statistics_is_left_to_the_steps_that_follow() -> None:
    found = {"a_mean": 1.5, "a_stdDev": 2, "b_mean": None, "c_mean": float("nan"), "c_stdDev": 1, "d_mean": "NaN"}
    assert statistics(found, ("a", "b", "c", "d")) == {"a": Band(mean=1.5, std=2)}


@given(
    mean=st.floats(-1e6, 1e6),
    std=st.floats(1e-3, 1e6),
    moved=st.floats(0, 10),
    limit=st.floats(0.01, 10),
    up=st.booleans(),
)
def test_drift_is_measured_in_std_and_has_no_direction(
    mean: float, std: float, moved: float, limit: float, up: bool
) -> None:
    if abs(moved - limit) < 1e-2 or (mean and abs(mean) > 1e6 * std):
        return
    now = {"B": Band(mean=mean + (moved if up else -moved) * std, std=1)}
    assert bool(drifts(now, {"B": Band(mean=mean, std=std)}, limit, 1)) is (moved > limit)


def normal(mean: float = 0.0, std: float = 1.0) -> Band:
    values = np.random.default_rng(0).normal(mean, std, 50_000)
    return Band(mean=mean, std=std, quantiles=tuple(np.percentile(values, QUANTILES).tolist()))


def test_what_is_beyond_a_limit_is_told_by_another_number_than_the_limit() -> None:
    (told,) = drifts({"B": Band(mean=125.04, std=1)}, {"B": Band(mean=100, std=100)}, 0.25, 1)
    assert "to 125, 0.2504 standard deviations (limit 0.25)" in told


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (normal(0.1, 1.05), []),
        (normal(0.4), ["its mean went from 0 to 0.4"]),
        # The mean stays, and what is wide became narrow.
        (normal(0.0, 0.5), ["its values are distributed otherwise, with a population stability index of"]),
        (Band(mean=0.0, std=0.5), []),
    ],
    ids=["alike", "moved", "narrower", "unknown"],
)
def test_values_that_are_distributed_otherwise_are_drift_though_the_mean_stays(now: Band, said: list[str]) -> None:
    found = drifts({"B": now}, {"B": normal()}, 0.25, 0.25)
    assert len(found) == len(said) and all(text in line for text, line in zip(said, found, strict=True))
    assert not drifts({"B": now}, {"B": normal()}, 5, 100)


def test_examples_of_the_same_sources_and_settings_are_not_compared() -> None:
    assert not other_examples(THEN, THEN)
    assert not other_examples(changed(sections={**THEN.sections, "train": "other"}), THEN)
    assert other_examples(changed(sections={**THEN.sections, "data": "other"}), THEN)
    assert other_examples(changed(sources=()), THEN)


@given(st.integers(1, 50_000), st.integers(1, 50_000))
def test_a_thinned_grid_covers_the_region_with_few_pixels(height: int, width: int) -> None:
    grid = Grid("EPSG:32119", (30.0, 0.0, 1000.0, 0.0, -30.0, 9000.0), (height, width))
    coarse = grid.thinned(10_000)
    rows, columns = coarse.shape
    assert rows * columns <= 10_000 + rows + columns
    left, bottom, right, top = coarse.bounds
    assert (left, top) == (1000.0, 9000.0)
    assert right >= 1000.0 + 30 * width
    assert bottom <= 9000.0 - 30 * height
