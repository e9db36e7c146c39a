"""Patches that are of no use are replaced, and which ones are kept depends on the plan and the ground alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.export_examples.planning.patches import Plan
from components.export_examples.rounds import MissingError, gather, told
from components.export_examples.writing.chunks import ChunkWriter, EncodedPatch, LostPatch
from components.export_examples.writing.spool import Spool
from earthline.formats.manifest import SPLITS

STRATA = ("land", "water")


def a_plan(drawn, wanted, seed):
    """A plan of so many patches by split and stratum, of which so many are wanted."""
    random = np.random.default_rng(seed)
    places = random.permutation(10_000)[: int(drawn.sum())]
    corners, end = {}, 0
    for cell, number in np.ndenumerate(drawn):
        mine = places[end : (end := end + int(number))]
        corners[cell] = np.column_stack([mine // 100, mine % 100]).astype(np.int32)
    return Plan.of(corners, wanted, np.full(drawn.shape, 1_000), STRATA)


class Ground:
    """Brings patches into a spool in some order; those at useless places as losses."""

    def __init__(self, spool, useless, seed):
        self.spool, self.useless, self.asked = spool, useless, []
        self.random = np.random.default_rng(seed)

    def fetch(self, missing, done, total):
        writer = ChunkWriter(self.spool.folder, most_bytes=64)
        assert total == done + len(missing)
        for place in self.random.permutation(len(missing)):
            split, row, column = (getattr(missing, name)[place].item() for name in ("split", "row", "column"))
            self.asked.append((split, row, column))
            if (row, column) in self.useless:
                writer.add(LostPatch(SPLITS[split], row, column, "cloud"))
            else:
                writer.add(EncodedPatch(SPLITS[split], row, column, bytes([row, column])))
        writer.flush()


COUNTS = st.lists(st.integers(0, 12), min_size=6, max_size=6).map(lambda each: np.array(each).reshape(3, 2))


@settings(max_examples=25)
@given(COUNTS, COUNTS, st.floats(0, 1), st.integers(0, 99))
def test_the_first_of_use_are_kept_whatever_arrives_when(tmp_path_factory, wanted, reserve, share, seed):
    plan = a_plan(wanted + reserve, wanted, seed)
    lost = np.random.default_rng(seed).random(len(plan)) < share
    useless = set(zip(plan.row[lost].tolist(), plan.column[lost].tolist(), strict=True))
    kept = []
    for order in (1, 2):
        spool = Spool.open(str(tmp_path_factory.mktemp("spool")), {})
        ground = Ground(spool, useless, order)
        found = gather(plan, spool, ground.fetch, ahead=order == 2)
        assert len(set(ground.asked)) == len(ground.asked), "nothing is asked for twice"
        again = Ground(spool, useless, order)
        same = gather(plan, spool, again.fetch)
        assert not again.asked and same.sampling == found.sampling, "what is there is not fetched"
        kept.append(found)
    one, two = kept
    assert one.sampling == two.sampling
    for split, place in zip(SPLITS, range(3), strict=True):
        np.testing.assert_array_equal(one.corners[split], two.corners[split])
        for stratum in range(2):
            mine = (plan.split == place) & (plan.stratum == stratum)
            of_use = np.flatnonzero(mine & ~lost)[: wanted[place, stratum]]
            taken = (one.kept.split == place) & (one.kept.stratum == stratum)
            np.testing.assert_array_equal(one.kept.rank[taken], plan.rank[of_use])
            # Examined is what comes before the last that is kept, and all where the reserve was not enough.
            full = len(of_use) == wanted[place, stratum]
            examined = (plan.rank[of_use].max(initial=-1) + 1) if full else mine.sum()
            assert one.taken[place, stratum] + one.lost[place, stratum] == examined
        assert len(one.losses[split]) == one.lost[place].sum()


def test_fewer_rounds_are_needed_where_some_are_taken_ahead(tmp_path):
    wanted = np.full((3, 2), 100)
    plan = a_plan(8 * wanted, wanted, 1)
    lost = np.random.default_rng(1).random(len(plan)) < 0.6
    useless = set(zip(plan.row[lost].tolist(), plan.column[lost].tolist(), strict=True))
    rounds, asked = [], []
    for ahead in (False, True):
        spool, calls = Spool.open(str(tmp_path / str(ahead)), {}), []
        ground = Ground(spool, useless, 0)

        def fetch(missing, done, total, ground=ground, calls=calls):
            calls.append(len(missing))
            ground.fetch(missing, done, total)

        assert (gather(plan, spool, fetch, ahead=ahead).taken == wanted).all()
        rounds.append(len(calls))
        asked.append(sum(calls))
    assert rounds[1] < rounds[0] / 1.5 and asked[1] < 1.25 * asked[0]


def test_what_is_lost_and_what_is_less_is_told(tmp_path, caplog):
    plan = a_plan(np.array([[3, 0], [2, 0], [2, 0]]), np.array([[2, 0], [2, 0], [2, 0]]), 1)
    spool = Spool.open(str(tmp_path), {})
    useless = {(int(plan.row[place]), int(plan.column[place])) for place in (0, 3)}
    with caplog.at_level("INFO"):
        told(gather(plan, spool, Ground(spool, useless, 0).fetch), plan)
    assert "1 patches of train are left out: cloud" in caplog.text
    assert "validation has 1 patches less than were planned" in caplog.text
    assert "train has" not in caplog.text


def test_what_does_not_arrive_without_an_error_is_one(tmp_path):
    plan = a_plan(np.array([[2, 0], [2, 0], [2, 0]]), np.array([[2, 0], [2, 0], [2, 0]]), 1)
    spool = Spool.open(str(tmp_path), {})
    with pytest.raises(MissingError, match="6 patches did not arrive"):
        gather(plan, spool, lambda missing, done, total: None)
