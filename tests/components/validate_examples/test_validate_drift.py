"""Examples are compared with those of the last accepted run: band by band, within each class, and between classes."""

import json

import numpy as np
import pytest
from kfp import dsl

from components.validate_examples import drift
from components.validate_examples.findings import Findings
from components.validate_examples.run import run
from components.validate_examples.statistics.sketches import UNLABELLED, Sketches
from earthline.formats.examples import Patch
from earthline.formats.manifest import SPLITS

from .test_validate_examples import DATA, folder, write

__all__ = ["folder"]
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


def test_a_step_compares_with_the_statistics_of_an_accepted_run_and_shows_it(folder):
    def scaled(factor):
        # Larger patches than elsewhere: enough pixels to compare.
        def change(split, index, patch):
            random = np.random.default_rng(SPLITS.index(split))
            image = (factor * random.normal(100, 10, (32, 32, 2))).astype(np.float32)
            label = np.indices((32, 32)).sum(axis=0).astype(np.uint8) // 4 % 2
            return Patch(image, label, np.ones((32, 32), bool), 64 * SPLITS.index(split), 40 * index)

        return change

    def stepped(name, **accepted):
        beside = folder.parent / name
        beside.mkdir()
        run(
            data=DATA.model_dump_json(),
            examples=dsl.Dataset(uri=str(folder)),
            statistics=dsl.Artifact(uri=str(beside / "statistics")),
            report=dsl.HTML(uri=str(beside / "report.html")),
            **accepted,
        )
        return json.loads((beside / "statistics" / "statistics.json").read_text()), (beside / "report.html").read_text()

    write(folder, scaled(1.0))
    first, page = stepped("first")
    assert first["drift"]["moved"] == [] and "Not compared: no run was accepted yet" in page
    write(folder, scaled(1.3))
    second, page = stepped("second", accepted_statistics=str(folder.parent / "first" / "statistics"))
    assert {each["what"]: each["shift"] for each in second["drift"]["moved"] if not each["within"]} == {
        "B1": "major",
        "B2": "major",
        "class shares": "none",
    }
    assert any(line.startswith("B1 drifted since the last accepted run") for line in second["warnings"])
    assert page.count('<td class="bad">major</td>') >= 2 and "first/statistics" in page
    third, page = stepped("third", accepted_statistics=str(folder.parent / "nowhere"))
    assert third["drift"]["moved"] == [] and "cannot be read" in page
