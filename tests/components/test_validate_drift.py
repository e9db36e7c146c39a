"""Examples are compared with those of the last accepted run: band by band, within each class, and between classes."""

import numpy as np
import pytest

from components.validate_examples import drift
from components.validate_examples.findings import Findings
from components.validate_examples.statistics.sketches import UNLABELLED, Sketches

BANDS, NAMES = ("red", "nir"), ("land", "water")


def sketches(random, moved=0.0, within=0.0, count=20_000):
    """Two bands; `within` moves the second one of water alone."""
    strata = random.choice([UNLABELLED, 0, 1], count, p=[0.2, 0.7, 0.1])
    values = random.normal([1000 + 100 * moved, 3000], [100, 300], (count, 2))
    values[strata == 1, 1] += 300 * within
    return Sketches.of(values.astype(np.float32), strata)


def found(now, before, shares=(0.875, 0.125), earlier=(0.875, 0.125)):
    kept = drift.Distributions.of(before, BANDS, NAMES, dict(zip(NAMES, earlier, strict=True)))
    content = f'{{"distributions": {kept.model_dump_json()}}}'.encode()
    read = drift.read(content)
    assert read == kept
    moved = drift.compare(now, BANDS, NAMES, dict(zip(NAMES, shares, strict=True)), read, "class")
    findings = Findings()
    drift.check(moved, findings)
    return {(each.what, each.within): each for each in moved}, findings.warnings()


def test_another_draw_of_the_same_is_no_drift():
    random = np.random.default_rng(0)
    moved, warnings = found(sketches(random), sketches(random))
    assert set(moved) == {(band, within) for band in BANDS for within in ("", *NAMES)} | {("class shares", "")}
    assert {each.shift for each in moved.values()} == {"none"} and warnings == []


def test_the_band_that_moved_is_told_with_its_index():
    """Of two normal distributions a std apart the index is 1; ten bins of equal weight see most of it."""
    random = np.random.default_rng(0)
    moved, warnings = found(sketches(random, moved=1.0), sketches(random))
    assert moved["red", ""].psi == pytest.approx(1.0, abs=0.15) and moved["nir", ""].shift == "none"
    assert 0.045 < moved["red", ""].jensen_shannon < 0.25
    (line,) = warnings
    assert line.startswith("red drifted since the last accepted run: the population stability index is ")


def test_what_moves_within_one_class_alone_is_seen_there():
    random = np.random.default_rng(0)
    moved, warnings = found(sketches(random, within=1.5), sketches(random))
    assert (moved["nir", "water"].shift, moved["nir", "land"].shift) == ("major", "none")
    assert moved["nir", ""].shift == "none" and warnings == []


def test_other_shares_of_classes_are_told():
    random = np.random.default_rng(0)
    moved, warnings = found(sketches(random), sketches(random), shares=(0.5, 0.5))
    assert moved["class shares", ""].psi == pytest.approx(0.375 * (np.log(0.5 / 0.125) - np.log(0.5 / 0.875)), abs=1e-3)
    assert warnings[0].startswith("class shares drifted")


def test_few_values_and_unknown_bands_are_not_compared():
    random = np.random.default_rng(0)
    few = sketches(random, moved=3, count=900)
    moved, _ = found(few, sketches(random))
    assert set(moved) == {("class shares", "")}


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"distributions": {"bands": 1}}', b"\xff"])
def test_statistics_of_another_form_are_no_reason_to_fail(content):
    assert drift.read(content) is None
