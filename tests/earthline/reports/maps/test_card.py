"""The card of a map, and the parts of its report that tell what is true of all ground."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earthline.accuracy.patch_sample import PatchSample
from earthline.accuracy.stratified import Sample
from earthline.config import load
from earthline.formats.evaluations import (
    Calibration,
    Champion,
    Evaluation,
    Interval,
    Metric,
    PredictionSets,
    ReliabilityBin,
    Slice,
    SplitEffect,
)
from earthline.formats.manifest import Manifest, SourceRecord
from earthline.grid import Grid
from earthline.reports.maps import card
from earthline.reports.maps.report import Subject
from earthline.reports.page import render
from earthline.task import task_of
from tests.components.evaluated import evaluation

ROOT = Path(__file__).parents[4]
DATA = load(ROOT / "configs" / "quickstart.yaml").data
TASK = task_of(DATA)
NAMES = TASK.legend.names
GRID = Grid("EPSG:32119", (30, 0, 630_000, 0, -30, 228_000), (40, 50))
SUBJECT = Subject(name="quickstart", data=DATA, grid=GRID, task=TASK, predicted="Map, predicted here")
MANIFEST = Manifest.model_construct(
    sources=(SourceRecord(asset="a/b", role="imagery", attribution="Somebody", license="CC BY 4.0"),),
    bands=("b1", "b2"),
    block_shape=(64, 64),
    patch_shape=(32, 32),
    gap=32,
    placed=True,
    told="",
    splits={},
)


def judged(blocks: int) -> Evaluation:
    """A model of which it is known what it is worth on all ground: every class is as frequent as the others."""
    count = len(NAMES)
    found = evaluation(NAMES, blocks, 0.0)
    block = np.repeat(np.arange(blocks), 400)
    label = np.tile(np.arange(count), len(block) // count)
    random = np.random.default_rng(0)
    mapped = np.where(random.random(len(block)) < 0.8, label, (label + 1) % count)
    patches = Sample(np.zeros(blocks, np.int64), np.array([500.0]))
    sample = PatchSample(np.zeros(0), patches, block, block, np.full(len(block), 0.5))
    details = {**found.model.details, **TASK.estimates(sample, label, mapped)}
    metric = Metric(value=0.5)
    return found.model_copy(
        update={
            "model": found.model.model_copy(update={"details": details}),
            "calibration": Calibration(
                bins=(ReliabilityBin(low=0.9, high=1, pixels=9, certainty=0.95, right=0.8),),
                error=Metric(value=0.15),
                ground=Metric(value=0.08),
            ),
            "sets": PredictionSets(
                coverage=0.9,
                held=Metric(value=0.91),
                size=Metric(value=1.5),
                ground=Metric(value=0.87),
                by_label={NAMES[0]: Metric(value=0.95), NAMES[3]: Metric(value=0.41)},
            ),
            "slices": (
                Slice(kind="side", name="left", pixels=7, blocks=2, metrics={"model": {found.gate.metric: metric}}),
            ),
            "split_effect": SplitEffect(
                forest="60 trees",
                pixels=900,
                blocks=8,
                random={name: Metric(value=0.9) for name in found.measures},
                blocked={name: Metric(value=0.7) for name in found.measures},
                gains={name: Metric(value=0.2, interval=Interval(low=0.1, high=0.3)) for name in found.measures},
            ),
        }
    )


def mapped(found: Evaluation) -> dict[str, Any]:
    coverage = TASK.coverage(True)
    values = np.zeros((40, 50), np.uint8)
    values[:10] = 1
    coverage.add(values, np.full((40, 50), 0.09))
    shown = dict(coverage.shown())
    return {**shown, **TASK.corrected(shown, found)}


def test_the_card_tells_data_tests_accuracy_areas_and_limits() -> None:
    found = judged(6)
    text = card.text(SUBJECT, mapped(found), MANIFEST, found)
    for title in ("What it shows", "What it is for", "Data", "How it was tested", "Accuracy", "Limits"):
        assert f"## {title}" in text
    assert "- imagery: a/b; Somebody; licence: CC BY 4.0" in text
    assert "random patches are left out, and 70.0 % where whole blocks are" in text and "would have shown more" in text
    assert "95 % intervals from 6 test blocks: overall accuracy " in text
    # 180 ha: three quarters are mapped as the first class, the rest as the second. A fifth of what is mapped
    # as a class is the one before it: the first class loses to the last, and gains from the second.
    line = next(line for line in text.splitlines() if line.startswith(f"| {NAMES[0]} |"))
    assert "| 135 ha |" in line and " ha (" in line
    area = mapped(found)["ground"][0]
    assert area.hectares == pytest.approx(135 * 0.8 + 45 * 0.2, rel=0.05)
    assert area.low < area.hectares < area.high
    assert sum(each.hectares for each in mapped(found)["ground"]) == pytest.approx(180)
    assert "There are only 6 test blocks" in text and "side, left" in text
    assert "differ by 15.0 % on average on the test pixels, and by 8.0 % on all ground" in text
    assert f"hold the label for 91.0 % of the test pixels, where 90 % are meant: {NAMES[3]} 41.0 %" in text


def test_labels_coarser_than_the_map_and_ground_that_is_not_mapped_are_limits() -> None:
    found = judged(6)
    coverage = TASK.coverage(True)
    coverage.add(np.where(np.arange(50) < 20, 255, np.zeros((40, 50))).astype(np.uint8), np.full((40, 50), 0.09))
    shown = {**coverage.shown(), **TASK.corrected(coverage.shown(), found)}

    def told(metres: float | None) -> str:
        labels = SourceRecord(asset="c/d", role="labels", metres=metres)
        return card.text(SUBJECT, shown, MANIFEST.model_copy(update={"sources": (labels,)}), found)

    assert "800 of these pixels (40.0 %) are not mapped" in told(None)
    coarse = told(100.0)
    assert "- labels: c/d; pixels of 100 m; licence" in coarse
    assert "- Pixels of the labels are 100 m wide, those of the map 30 m" in coarse
    assert "Pixels of the labels" not in told(30.0) and "pixels of 30 m" in told(30.0)
    assert "are not mapped" not in card.text(SUBJECT, mapped(found), MANIFEST, found)


def test_without_a_known_chance_the_card_says_so_and_adjusts_no_area() -> None:
    found = evaluation(NAMES, 6, 0.0)
    assert mapped(found)["ground"] == ()
    text = card.text(SUBJECT, mapped(found), MANIFEST, found)
    assert "Nobody knows with what chance test patches were drawn" in text and "135 ha |" in text


def test_a_champion_that_was_asked_about_fewer_pixels_is_not_compared() -> None:
    found = judged(6)
    champion = Champion(name="models/1@2", scores=found.model, pixels=5)
    text = card.text(SUBJECT, mapped(found), MANIFEST, found.model_copy(update={"champion": champion}))
    assert f"| champion (on 5 of {found.test.pixels:,} pixels: not to be compared with the other rows) |" in text
    same = champion.model_copy(update={"pixels": found.test.pixels})
    text = card.text(SUBJECT, mapped(found), MANIFEST, found.model_copy(update={"champion": same}))
    assert "| champion |" in text


def test_with_few_blocks_areas_have_no_interval() -> None:
    found = judged(3)
    assert all(area.interval is None and area.low is None for area in mapped(found)["ground"])


def test_the_report_shows_what_is_true_of_all_ground() -> None:
    found = judged(6)
    template = ROOT / "earthline" / "reports" / "maps" / "map.html.j2"
    values = {
        "subject": SUBJECT,
        "grid": GRID,
        "data": DATA,
        "evaluation": found,
        "legend": TASK.legend,
        "mapped": mapped(found),
        "outside": 0,
        "judged": TASK.shown(found),
        "manifest": MANIFEST.model_copy(
            update={"expression_hash": "0", "data_type": "uint8", "seed": 0, "sampling": {}}
        ),
        "image": "",
        "labels": "",
        "prediction": "",
        "curves": "",
        "client": "1",
    }
    page = render(template, values, TASK.template)
    sure = ("Certainty", "on all ground for 87", f"{NAMES[3]} 41", "stands for, by 8")
    for text in (*sure, "On all ground", "on the ground", "What a random split would have shown", "side: left"):
        assert text in page
    assert "95 % intervals from the 6 test blocks" in page and "Of the ground of these blocks alone" in page


def test_the_card_tells_the_days_of_a_collection_and_the_size_of_a_pixel() -> None:
    data = load(ROOT / "configs" / "land_cover_vertex.yaml").data
    sources = tuple(SourceRecord(asset=asset, role="imagery") for asset in data.imagery.assets)
    found = judged(4)
    text = card.text(
        replace(SUBJECT, data=data), mapped(found), MANIFEST.model_copy(update={"sources": sources}), found
    )
    first, after = next(source.span for source in data.imagery.all_sources if source.span)
    assert f", {first} to {date.fromisoformat(after) - timedelta(days=1)}; licence" in text
    assert "40 x 50 pixels of 30 x 30 m in EPSG:32119" in text
