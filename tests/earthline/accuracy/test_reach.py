"""Patches as units: what they share of each pixel, and how often the intervals hold the truth."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from shapely.geometry import box

from earthline.accuracy.reach import reach
from earthline.accuracy.stratified import Sample

HEIGHT, WIDTH = 5, 6
AREA = box(0, 0, 60, 50).difference(box(20, 15, 40, 30)).union(box(60, 40, 90, 50))
"""An area with a hole and an arm."""


def frame() -> np.ndarray:
    """First pixels of all patches that lie in the area, (patches, 2)."""
    rows, columns = np.mgrid[0:50, 0:90]
    inside = np.array([[AREA.covers(box(c, r, c + 1, r + 1)) for c in range(90)] for r in range(50)])
    corners = [
        (r, c)
        for r, c in zip(rows.ravel().tolist(), columns.ravel().tolist(), strict=True)
        if r + HEIGHT <= 50 and c + WIDTH <= 90 and inside[r : r + HEIGHT, c : c + WIDTH].all()
    ]
    return np.array(corners)


FRAME = frame()


def cut(values: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Patches of a raster, (patches, height, width)."""
    return np.stack([values[r : r + HEIGHT, c : c + WIDTH] for r, c in corners.tolist()])


def test_the_reach_is_counted_by_hand() -> None:
    held = np.zeros((50, 90), int)
    for row, column in FRAME.tolist():
        held[row : row + HEIGHT, column : column + WIDTH] += 1
    every = np.ones((len(FRAME), HEIGHT, WIDTH), bool)
    np.testing.assert_array_equal(reach(AREA, FRAME, every), cut(held, FRAME))
    # A patch far from all edges could have been drawn from everywhere around each of its pixels.
    assert held.max() == HEIGHT * WIDTH


def test_where_labels_are_few_fewer_patches_could_have_been_drawn() -> None:
    random = np.random.default_rng(0)
    labelled = random.random((50, 90)) < 0.5
    held = np.zeros((50, 90))
    for row, column in FRAME.tolist():
        if labelled[row + HEIGHT // 2, column + WIDTH // 2]:
            held[row : row + HEIGHT, column : column + WIDTH] += 1
    drawn = FRAME[labelled[FRAME[:, 0] + HEIGHT // 2, FRAME[:, 1] + WIDTH // 2]][::7]
    found, counted = reach(AREA, drawn, cut(labelled, drawn)), cut(held, drawn)
    assert abs(found.mean() / counted.mean() - 1) < 0.05 and np.corrcoef(found.ravel(), counted.ravel())[0, 1] > 0.7


def test_intervals_from_drawn_patches_hold_the_truth_of_the_ground_in_95_of_100_draws() -> None:
    # Classes and errors lie in lumps. Strata are the classes of middle pixels, a rare one drawn far too often.
    random = np.random.default_rng(4)
    smooth = gaussian_filter(random.normal(size=(50, 90)), 4)
    label = np.digitize(smooth, np.quantile(smooth, [0.55, 0.9]))
    wrong = gaussian_filter(random.normal(size=(50, 90)), 1.5) + 0.1 * (label == 2) > 0.1
    mapped = np.where(wrong, (label + 1) % 3, label)
    covered = np.zeros((50, 90), bool)
    for row, column in FRAME.tolist():
        covered[row : row + HEIGHT, column : column + WIDTH] = True
    shares = 1 / reach(AREA, FRAME, np.ones((len(FRAME), HEIGHT, WIDTH), bool))
    indicators = {
        "overall accuracy": (label == mapped, np.ones_like(covered)),
        "user's accuracy of 2": ((label == 2) & (mapped == 2), mapped == 2),
        "producer's accuracy of 1": ((label == 1) & (mapped == 1), label == 1),
        "area of 2": (label == 2, np.ones_like(covered)),
    }
    truth = np.array([part[covered].sum() / whole[covered].sum() for part, whole in indicators.values()])
    part, whole = (
        np.stack([(cut(pair[side], FRAME) * shares).sum(axis=(1, 2)) for pair in indicators.values()], axis=1)
        for side in (0, 1)
    )
    # Shares add up to the ground, so that a census of all patches is the truth itself.
    assert part.sum(axis=0) / whole.sum(axis=0) == pytest.approx(truth)
    strata = label[FRAME[:, 0] + HEIGHT // 2, FRAME[:, 1] + WIDTH // 2]
    sizes, held, plain, draws = np.bincount(strata), np.zeros(4), np.zeros(4), 800
    for _ in range(draws):
        chosen = np.concatenate([random.choice(np.flatnonzero(strata == s), 25, replace=False) for s in range(3)])
        found = Sample(strata[chosen], sizes).ratios(part[chosen], whole[chosen])
        low, high = found.bounds(0.95)
        held += (low <= truth) & (truth <= high)
        plain += part[chosen].sum(axis=0) / whole[chosen].sum(axis=0) / draws
    assert ((held / draws >= 0.92) & (held / draws <= 0.97)).all(), dict(zip(indicators, held / draws, strict=True))
    # Counted as if all ground had been drawn alike, the rare class has more than twice its area.
    assert plain[3] > 2 * truth[3]
