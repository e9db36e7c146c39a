import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import Affine

from earthline_sandbox.earthengine.catalogue import pyramids
from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion
from earthline_sandbox.earthengine.catalogue.rasters import band_of
from earthline_sandbox.earthengine.pixels.pixels import Band

NAME = "projects/sandbox/assets/scene"
POLICIES = ["MEAN", "SAMPLE", "MIN", "MAX", "MODE", "MEDIAN"]


def by_hand(four, policy):
    """One pixel of the level above, from the valid ones of four (None: masked)."""
    if policy == "SAMPLE":
        return four[0]
    valid = sorted(value for value in four if value is not None)
    if not valid:
        return None
    if policy == "MODE":
        return max(sorted(set(valid)), key=valid.count)
    reduce = {"MEAN": np.mean, "MIN": np.min, "MAX": np.max, "MEDIAN": np.median}[policy]
    return int(np.rint(reduce(valid)))


@given(st.lists(st.none() | st.integers(0, 5), min_size=4, max_size=4), st.sampled_from(POLICIES))
def test_four_pixels_become_one_by_the_policy(four, policy):
    values = np.array([0 if value is None else value for value in four], "uint8").reshape(2, 2)
    valid = np.array([value is not None for value in four]).reshape(2, 2)
    result, seen = pyramids.aggregated(values, valid, policy)
    assert result.dtype == np.uint8 and result.shape == (1, 1)
    assert (int(result[0, 0]) if seen[0, 0] else None) == by_hand(four, policy)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    values = np.random.default_rng(4).integers(1, 200, (601, 700)).astype("uint8")
    values[:, 100:120] = 0
    profile = {"driver": "GTiff", "count": 1, "height": 601, "width": 700, "dtype": "uint8", "nodata": 0}
    with rasterio.open(
        folder / "a.tif", "w", crs="EPSG:32617", transform=Affine(10, 0, 600_000, 0, -10, 4_000_000), **profile
    ) as sink:
        sink.write(values, 1)
    return folder, values


def band(scene, tmp_path, policy) -> Band:
    folder, _ = scene
    assets = Assets(tmp_path / "assets")
    made = Ingestion(assets, folder).files(NAME, [folder / "a.tif"], band_names=["b"], pyramiding={"b": policy})
    return band_of(made.record.bands[0])


def level_above(values, policy):
    height, width = -(-values.shape[0] // 2) * 2, -(-values.shape[1] // 2) * 2
    padded = np.zeros((height, width), values.dtype)
    padded[: values.shape[0], : values.shape[1]] = values
    result, seen = pyramids.aggregated(padded, padded > 0, policy)
    return np.where(seen, result, 0).astype(values.dtype)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_request_reads_the_largest_pixels_that_are_not_larger_than_its_own(scene, tmp_path, policy):
    made, levels = band(scene, tmp_path, policy), [scene[1]]
    while max(levels[-1].shape) > 256:
        levels.append(level_above(levels[-1], policy))
    assert [level.shape for level in levels] == [(601, 700), (301, 350), (151, 175)]
    for number, level in enumerate(levels):
        found = made.fetch(made.projection.scaled(2**number, 2**number).grid(0, 0, level.shape))
        assert (np.where(found.mask, found.values, 0) == level).all(), number
    # Three times as large: every third pixel counted from the middle lies in the level of two.
    found = made.fetch(made.projection.scaled(3, 3).grid(0, 0, (100, 100)))
    centres = ((np.arange(100) + 0.5) * 3 / 2).astype(int)
    assert (np.where(found.mask, found.values, 0) == levels[1][np.ix_(centres, centres)]).all()


def test_levels_do_not_depend_on_the_tile(scene, tmp_path):
    made = band(scene, tmp_path, "MEAN")
    plane = made.projection.scaled(4.7, 4.7)
    whole = made.fetch(plane.grid(0, 0, (120, 140)))
    part = made.fetch(plane.grid(30, 50, (40, 60)))
    assert (part.values == whole.values[30:70, 50:110]).all() and (part.mask == whole.mask[30:70, 50:110]).all()


def test_overviews_are_copied_with_their_asset(scene, tmp_path):
    band(scene, tmp_path, "MEAN")
    assets = Assets(tmp_path / "assets")
    copied = assets.copy(NAME, f"{NAME}_copy").record.bands[0]
    assert [pyramids.path_of(copied.path, level).exists() for level in (1, 2, 3)] == [True, True, False]
