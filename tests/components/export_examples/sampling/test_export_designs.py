"""Every design draws each place with the chance that the manifest tells, so that estimates are right on average."""

from functools import cache

import numpy as np
import pytest
import shapely
from pydantic import ValidationError
from scipy import stats

from components.export_examples.planning import chance, draws, points
from components.export_examples.planning.ground import NOBODY, Ground
from components.export_examples.planning.label_tiles import NOTHING, LabelTiles
from components.export_examples.planning.points import PointsError
from earthline.accuracy.stratified import Sample
from earthline.config import Config, Data, Export
from earthline.formats.manifest import SPLITS

SHAPE = (48, 64)
PATCH = (5, 4)
AREAS = {
    "train": shapely.box(0, 0, 30, 48),
    "validation": shapely.box(36, 0, 64, 14),
    "test": shapely.union(shapely.box(36, 18, 64, 48), shapely.box(52, 16, 64, 18)),
}
GROUND = Ground.of(AREAS, SHAPE, PATCH)
NAMES = ("common", "rare", "rarest")
DATA = Data.model_validate(
    {
        "imagery": {"image": "a/image", "bands": ["b1"]},
        "labels": {
            "image": "a/labels",
            "band": "b1",
            "classes": [{"name": name, "color": "#123456", "values": [place]} for place, name in enumerate(NAMES)],
        },
    }
)
DESIGNS = {
    "equal": {},
    "proportional": {"allocation": "proportional"},
    "neyman": {"allocation": "neyman", "stds": {"common": 0.2, "rare": 0.5, "rarest": 0.4}},
    "random": {"design": "random"},
    "systematic": {"design": "systematic"},
}
ROUNDS = 200


def scene():
    """Labels with patterns, some of them missing, and what is to be estimated: more frequent where labels are rare."""
    random = np.random.default_rng(4)
    rows, columns = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    labels = ((rows // 7 + columns // 9) % 3 == 0).astype(np.uint8)
    labels[(rows % 16 < 4) & (columns % 11 < 4)] = 2
    labels[random.random(SHAPE) < 0.05] = NOTHING
    values = random.random(SHAPE) < np.array([0.1, 0.5, 0.8, *[0] * 253])[labels] + 0.1 * (columns > 50)
    return labels, values.astype(float), random.random(SHAPE) < 0.75


LABELS, VALUES, SEEN = scene()
OWNERS = np.where(LABELS == NOTHING, NOBODY, GROUND.within(0, 0, SHAPE))


def tiles(shape=(16, 16), labels=LABELS, turned=False):
    """The labels, cut into tiles that come in this order or the other way round."""
    places = [(row, column) for row in range(0, SHAPE[0], shape[0]) for column in range(0, SHAPE[1], shape[1])]
    found = LabelTiles(SHAPE, len(places))
    for row, column in places[::-1] if turned else places:
        part = labels[row : row + shape[0], column : column + shape[1]]
        found.add((row, column, part.shape), part)
    return found


TILES = tiles(SHAPE)


def export(**changes):
    return Export.model_validate(
        {"patch_shape": PATCH, "examples": {"train": 60, "validation": 24, "test": 45}, "seed": 1, **changes}
    )


def drawn(**changes):
    return points.draw(DATA, export(**changes), TILES, GROUND)


@cache
def simulated(design):
    """Plans of many seeds, without their reserve."""
    return [drawn(**DESIGNS[design], seed=seed).first for seed in range(ROUNDS)]


def middles(found):
    return found.row + PATCH[0] // 2, found.column + PATCH[1] // 2


def test_ground_is_where_a_patch_lies_in_the_area_of_its_split():
    owners = GROUND.within(0, 0, SHAPE)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            top, left = row - PATCH[0] // 2, column - PATCH[1] // 2
            patch = shapely.box(left, top, left + PATCH[1], top + PATCH[0])
            inside = [place for place, split in enumerate(SPLITS) if AREAS[split].covers(patch)]
            assert owners[row, column] == (inside[0] if inside else NOBODY)
    np.testing.assert_array_equal(GROUND.within(7, 30, (9, 20)), owners[7:16, 30:50])


@pytest.mark.parametrize("design", DESIGNS)
def test_the_draw_does_not_depend_on_tiles(design):
    found = drawn(**DESIGNS[design])
    for other in (tiles((16, 16)), tiles((7, 11)), tiles((7, 11), turned=True)):
        again = points.draw(DATA, export(**DESIGNS[design]), other, GROUND)
        assert again.fingerprint == found.fingerprint
    assert drawn(**DESIGNS[design], seed=2).fingerprint != found.fingerprint


@pytest.mark.parametrize("design", DESIGNS)
def test_patches_are_distinct_lie_in_their_split_and_have_ranks_without_gaps(design):
    found = drawn(**DESIGNS[design])
    rows, columns = middles(found)
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == len(found)
    np.testing.assert_array_equal(OWNERS[rows, columns], found.split)
    if len(found.strata) > 1:
        np.testing.assert_array_equal(LABELS[rows, columns], found.stratum)
    for split in range(3):
        for stratum in range(len(found.strata)):
            mine = found.rank[(found.split == split) & (found.stratum == stratum)]
            assert mine.tolist() == list(range(len(mine))) and len(mine) >= found.wanted[split, stratum]
    if design != "systematic":
        assert found.wanted.sum(axis=1).tolist() == [60, 24, 45]
        assert len(found) > len(found.first)


@pytest.mark.parametrize("design", DESIGNS)
def test_estimates_are_right_on_average_and_so_are_their_errors(design):
    there = OWNERS == SPLITS.index("test")
    truth = VALUES[there].mean()
    estimates, errors = [], []
    for found in simulated(design):
        mine = found.only(found.split == SPLITS.index("test"))
        told = found.sampling(found.wanted, np.zeros_like(found.wanted))["test"]
        assert sum(each.frame for each in told) == there.sum()
        sample = Sample(mine.stratum.astype(int), np.array([each.frame for each in told], float))
        assert [each.drawn for each in told] == sample.drawn.tolist()
        ratio = sample.ratios(VALUES[middles(mine)], np.ones(len(mine)))
        estimates.append(float(ratio.value))
        errors.append(float(ratio.error))
    spread = np.std(estimates)
    assert abs(np.mean(estimates) - truth) < 4 * spread / ROUNDS**0.5
    # Of a grid the error is that of a random sample: on the safe side where neighbours are alike.
    assert np.mean(errors) / spread == pytest.approx(1, abs=0.15 if design != "systematic" else 0.5)


@pytest.mark.parametrize("design", DESIGNS)
def test_every_place_has_the_chance_that_is_told(design):
    times, chances = np.zeros(SHAPE), np.zeros(SHAPE)
    for found in simulated(design):
        times[middles(found)] += 1
        per_place = found.wanted / np.maximum(found.frame, 1)
        stratum = LABELS if len(found.strata) > 1 else np.zeros(SHAPE, int)
        known = OWNERS != NOBODY
        chances[known] += per_place[OWNERS[known], stratum[known]]
    known = OWNERS != NOBODY
    # Each place is drawn a binomial number of times.
    mean = chances[known] / ROUNDS
    deviation = (times[known] - chances[known]) / np.sqrt(np.maximum(chances[known] * (1 - mean), 1e-9))
    varying = mean < 1
    assert (times[known][~varying] == ROUNDS).all()
    beyond = stats.binom.sf(times[known] - 1, ROUNDS, mean), stats.binom.cdf(times[known], ROUNDS, mean)
    assert np.min(beyond) > 1e-7
    # They differ as much as chance makes them, not less and not more; a grid has few starts, so that many places share
    # one chance.
    assert deviation[varying].std() == pytest.approx(1, abs=0.12 if design != "systematic" else 0.5)


def test_places_without_imagery_are_replaced_and_estimates_stay_right():
    there = (OWNERS == SPLITS.index("test")) & SEEN
    truth, estimates = VALUES[there].mean(), []
    for seed in range(ROUNDS):
        plan = drawn(allocation="proportional", seed=seed)
        asked, round_ = plan.wanted, plan.first
        taken, lost = np.zeros_like(asked), np.zeros_like(asked)
        while len(round_):
            seen = SEEN[middles(round_)]
            taken, lost = taken + round_.counted(seen), lost + round_.counted(~seen)
            further = plan.wanted + lost
            round_, asked = plan.between(asked, further), further
        assert (taken[2] == plan.wanted[2]).all(), "the reserve is large enough here"
        tested = plan.between(np.zeros_like(lost), taken + lost)
        mine = tested.only((tested.split == 2) & SEEN[middles(tested)])
        told = plan.sampling(taken, lost)["test"]
        sample = Sample(
            mine.stratum.astype(int),
            np.array([each.frame for each in told], float),
            outside=np.array([each.lost for each in told]),
        )
        estimates.append(float(sample.ratios(VALUES[middles(mine)], np.ones(len(mine))).value))
    assert abs(np.mean(estimates) - truth) < 4 * np.std(estimates) / ROUNDS**0.5


def test_neyman_estimates_better_than_equal_parts():
    there = OWNERS == 2
    spreads = [VALUES[there & (LABELS == stratum)].std() for stratum in range(3)]
    stds = dict(zip(NAMES, map(float, spreads), strict=True))
    spread = {}
    for name, changes in {"equal": {}, "neyman": {"allocation": "neyman", "stds": stds}}.items():
        found = []
        for seed in range(ROUNDS):
            plan = drawn(**changes, seed=seed).first
            mine = plan.only(plan.split == 2)
            sample = Sample(mine.stratum.astype(int), plan.frame[2].astype(float))
            found.append(float(sample.ratios(VALUES[middles(mine)], np.ones(len(mine))).value))
        spread[name] = np.std(found)
    assert spread["neyman"] < spread["equal"]


def test_a_grid_has_equal_steps_and_another_start_for_each_seed():
    starts = set()
    for seed in range(20):
        found = drawn(design="systematic", seed=seed)
        mine = found.only(found.split == 0)
        steps = [np.unique(np.diff(np.unique(each))) for each in (mine.row, mine.column)]
        assert all(len(step) == 1 for step in steps)
        starts.add((int(mine.row.min()), int(mine.column.min())))
        assert len(found.first) == len(found)
    assert len(starts) > 5


def test_random_numbers_are_those_of_splitmix_for_ever():
    # The first numbers of the generator's reference code with the state 0.
    assert chance.numbers(0, np.arange(2)).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    places = np.random.default_rng(0).integers(0, 2**62, 1000)
    assert (chance.places(7, chance.numbers(7, places)) == places.astype(np.uint64)).all()
    assert chance.order(chance.state(3, 1), 8).tolist() == chance.order(chance.state(3, 1), 8).tolist()


def test_the_draw_of_a_seed_is_the_same_for_ever():
    assert drawn().first.fingerprint[:16] == "fca15e7d6dd4b797"


@pytest.mark.parametrize("most", [0, 1, 7, 400])
def test_the_first_are_those_with_the_least_numbers(most):
    there = np.argwhere(OWNERS == 0)
    start = chance.state(9)
    numbers = chance.numbers(start, (there[:, 0].astype(np.uint64) << np.uint64(32)) | there[:, 1].astype(np.uint64))
    expected = there[np.argsort(numbers)][:most].tolist()
    frame, wanted = np.array([[len(there)], [0], [0]]), np.array([[most], [0], [0]])
    assert draws.first(TILES, GROUND, wanted, frame, start)[0, 0].tolist() == expected
    # Where the bound was too tight by chance, as for a frame that is said to be larger, all of it is drawn again.
    assert draws.first(TILES, GROUND, wanted, frame * 1000, start)[0, 0].tolist() == expected


def test_millions_asked_and_few_there(caplog):
    found = drawn(examples={"train": 5_000_000, "validation": 10, "test": 10})
    assert len(found.first.corners(0)) == (OWNERS == 0).sum()
    assert "export.examples asks for 5,000,000 patches of train, and there are only" in caplog.text


def test_what_is_missing_is_said(caplog):
    without = np.where(LABELS == 2, NOTHING, LABELS)
    points.draw(DATA, export(), tiles(labels=without), GROUND)
    assert "class 'rarest' has no pixel around which a patch fits" in caplog.text
    caplog.clear()
    alone = np.where(LABELS < 3, 0, LABELS).astype(np.uint8)
    points.draw(DATA, export(), tiles(labels=alone), GROUND)
    assert "is of class 'common': there is nothing to tell apart; check data.labels" in caplog.text
    with pytest.raises(PointsError, match=r"empty split 'validation': no pixel of its area has a label; change"):
        points.draw(DATA, export(), tiles(labels=np.where(OWNERS == 1, NOTHING, LABELS)), GROUND)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"design": "random", "allocation": "proportional"}, "allocation proportional: design random draws from all"),
        ({"stds": {"common": 0.1}}, "stds: only allocation: neyman uses them"),
        ({"allocation": "neyman", "stds": {"common": 0.0}}, "stds: all are 0"),
        ({"allocation": "neyman"}, "export.stds: allocation neyman needs one for each of common, rare, rarest"),
        ({"allocation": "neyman", "stds": {"common": 1.0, "rares": 1.0}}, "rare, rares, rarest: give one number"),
        ({"buffer": 30.0, "buffer_pixels": 3}, "buffer_pixels: `buffer` is given as well"),
        ({"block_size": 3000.0, "block_shape": [90, 90]}, "block_size: `block_shape` is given as well"),
        (
            {"buffer_pixels": 253},
            r"block_shape \[256, 256\] must be at least patch_shape \[5, 4\] and the buffer of 253",
        ),
    ],
)
def test_a_design_that_cannot_be_is_refused_when_the_config_is_read(changes, said):
    content = {"name": "designed", "data": DATA.model_dump(exclude_defaults=True), "export": {"patch_shape": PATCH}}
    content |= {"train": {"model": {"name": "linear"}}}
    Config.model_validate(content)
    content["export"] |= changes
    with pytest.raises(ValidationError, match=said):
        Config.model_validate(content)


def test_values_spread_over_their_parts_where_no_stds_are_given():
    labels = {"image": "a/b", "band": "h", "value": {"name": "height", "range": [0, 60], "breaks": [12, 24]}}
    data = Data.model_validate({"imagery": {"image": "a/image", "bands": ["b1"]}, "labels": labels})
    found = points.draw(data, export(allocation="neyman"), TILES, GROUND)
    widths = np.array([12, 12, 36]) * found.frame[2]
    np.testing.assert_allclose(found.wanted[2] / 45, widths / widths.sum(), atol=0.03)
