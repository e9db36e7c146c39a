"""The arithmetic of tiles: what fits, and what leaves no seam, under both ways to count overlap."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earthline import tile_plan
from earthline.formats import tensors
from earthline.tile_plan import Plan, Readings, Sight, Wire

LIMIT = 1_500_000

sights = st.builds(Sight, st.sampled_from([1, 2, 4, 8, 16]), st.integers(0, 130))
weights = st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=30).map(tuple)
wires = st.builds(Wire, weights, weights, st.sampled_from([LIMIT, 10_000_000, 200_000]))
readings = st.sampled_from(["either", "total", "each_edge"])


@given(sights, wires, readings)
def test_a_plan_fits_and_holds_all_that_the_model_sees_whichever_reading_is_true(
    sight: Sight, wire: Wire, reading: Readings
) -> None:
    plan = tile_plan.best(sight, wire, reading)
    if plan is None:
        # Not even one cell with its margins, or hardly more than that.
        side = 2 * (2 if reading == "either" else 1) * sight.reach + sight.stride
        height = sight.reach * 2 + 2 * side // 4
        assert not wire.fits((side, side)) or height**2 > 4 * (side // 4) ** 2 or wire.largest_side < 3 * sight.reach
        return
    assert list(tile_plan.problems(plan, sight)) == []
    for true in ("total", "each_edge") if reading == "either" else (reading,):
        told = plan.told_overlap[0]
        margin = told // 2 if true == "total" else told
        assert margin >= sight.reach and plan.tile[0] % sight.stride == 0
        sent = (plan.tile[0] + 2 * margin,) * 2
        assert plan.sent(true) == sent and wire.fits(sent)
        assert plan.batch * (wire.request_bytes(sent) - 30) <= wire.limit
    larger = Plan((plan.tile[0] + sight.stride,) * 2, plan.overlap, reading)
    assert plan.tile[0] + sight.stride > tile_plan.LARGEST_TILE or not wire.fits(larger.largest)


@given(sights, wires, readings)
def test_where_seams_are_allowed_there_is_always_a_plan_that_fits(sight: Sight, wire: Wire, reading: Readings) -> None:
    plan = tile_plan.with_seams(sight, wire, reading)
    assert wire.fits(plan.largest) and min(plan.tile) >= 1


@pytest.mark.parametrize(
    ("bands", "item", "depth", "tile", "overlap"),
    [
        (10, 4, (4, 26), 44, 56),  # Sentinel-2 as float32, a U-Net of depth 2
        (10, 2, (4, 26), 116, 56),  # the same in 16 bits
        (10, 2, (8, 58), None, None),  # a depth of 3 sees too far for 1.5 MB
        (5, 1, (4, 26), 256, 56),
        (64, 4, (1, 0), 65, 0),
    ],
)
def test_plans_of_common_models(
    bands: int, item: int, depth: tuple[int, int], tile: int | None, overlap: int | None
) -> None:
    wire = Wire((item,) * bands + (1 if item < 4 else 4,), (1,), LIMIT)
    plan = tile_plan.best(Sight(*depth), wire)
    assert (plan and plan.tile[0], plan and plan.overlap[0]) == (tile, overlap)


def test_knowing_how_overlap_is_counted_makes_room() -> None:
    wire = Wire((4,) * 11, (1,), LIMIT)
    plans = {reading: tile_plan.best(Sight(4, 26), wire, reading) for reading in ("either", "total", "each_edge")}
    assert {reading: plan and (plan.tile[0], plan.told_overlap[0]) for reading, plan in plans.items()} == {
        "either": (44, 56),
        "total": (100, 56),
        "each_edge": (100, 28),
    }


def test_a_dedicated_endpoint_has_room_for_a_depth_of_3() -> None:
    wire = Wire((2,) * 10 + (1,), (1,), 10_000_000)
    assert tile_plan.best(Sight(8, 58), wire) == Plan((256, 256), (128, 128), "either", 1)


def test_several_small_tiles_share_a_request() -> None:
    wire = Wire((1,) * 3, (1,), LIMIT)
    plan = tile_plan.best(Sight(1, 0), wire)
    assert plan is not None and plan.tile == (256, 256) and plan.batch == LIMIT // wire.request_bytes((256, 256))


def test_shares_of_margin_are_those_of_the_pixels_that_are_predicted() -> None:
    plan = Plan((96, 64), (32, 16), "either")
    assert plan.sent("total") == (128, 80) and plan.sent("each_edge") == plan.largest == (160, 96)
    assert plan.wasted("total") == pytest.approx(1 - 96 * 64 / (128 * 80))
    assert "40 % or 60 % of the predicted pixels are margin" in plan.summary


def test_what_leaves_seams_is_told_by_its_key() -> None:
    (overlap, tile) = tile_plan.problems(Plan((90, 96), (32, 32), "either"), Sight(4, 26))
    assert overlap.startswith("overlap: [32, 32] puts 16 px on each side") and "26 px around it" in overlap
    assert tile.startswith("tile_shape: [90, 96] does not divide by the model's stride 4")


def test_the_arithmetic_bounds_what_is_really_sent() -> None:
    wire = Wire((4,) * 11, (4 * 11,), LIMIT)
    tile = np.zeros((144, 144, 1), np.float32)
    request = json.dumps({"instances": [{f"band-{number}": tensors.encode(tile) for number in range(11)}]})
    assert 0.999 * wire.request_bytes((144, 144)) < len(request) <= wire.request_bytes((144, 144))
    answer = json.dumps({"predictions": [{"probabilities": tensors.encode(np.zeros((144, 144, 11), np.float32))}]})
    assert 0.998 * wire.answer_bytes((144, 144)) < len(answer) <= wire.answer_bytes((144, 144))
    assert wire.largest_side == 159 and wire.fits((159, 159)) and not wire.fits((160, 160))
    assert len(base64.b64encode(bytes(160 * 160 * 11 * 4))) == 1_501_868  # what 11 classes made of 160 px a side
