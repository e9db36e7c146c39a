"""The same picture in two splits is found, be it in part, moved, brighter or noisy; what is merely smooth is not."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from components.validate_examples.checks import copies
from components.validate_examples.findings import Findings
from components.validate_examples.statistics.sightings import Sightings
from earthline.formats.manifest import Manifest, Shard, SplitSummary

Array = np.ndarray[Any, Any]
SIDE = 32


def scene(seed: int, side: int = 400) -> Array:
    """Imagery of three bands with fields and noise, uint16."""
    random = np.random.default_rng(seed)
    smooth = gaussian_filter(random.normal(size=(side, side, 3)), (3, 3, 0))
    return (
        np.asarray(1500 + 4000 * smooth + random.normal(size=smooth.shape) * 20, np.float64).clip(0).astype(np.uint16)
    )


def sightings(images: list[Array], *, placed: bool = False) -> Sightings:
    image = np.stack(images)
    corner = np.stack([np.arange(len(image)) * SIDE, np.zeros(len(image), int)], axis=1)
    return Sightings.of(image, np.ones(image.shape[:3], bool), corner, 0, np.arange(len(image)), placed=placed)


def checked(train: list[Array], test: list[Array], *, placed: bool = False) -> tuple[Findings, list[copies.Pair]]:
    splits = {"train": sightings(train, placed=placed), "test": sightings(test, placed=placed)}
    manifest = Manifest.model_construct(
        placed=placed,
        told="by record",
        patch_shape=(SIDE, SIDE),
        block_shape=(SIDE, SIDE),
        splits={
            split: SplitSummary.model_construct(shards=(Shard(name=f"{split}-0", examples=len(of)),))
            for split, of in splits.items()
        },
    )
    findings = Findings()
    statistics: Any = {split: SimpleNamespace(sightings=of) for split, of in splits.items()}
    return findings, copies.check(manifest, statistics, findings)


def patches(whole: Array, count: int, seed: int = 0) -> list[Array]:
    places = np.random.default_rng(seed).integers(0, len(whole) - SIDE, (count, 2)).tolist()
    return [whole[row : row + SIDE, column : column + SIDE] for row, column in places]


def test_other_ground_is_not_alike() -> None:
    findings, pairs = checked(patches(scene(1), 200), patches(scene(2), 60))
    assert not pairs
    assert findings.errors() == [] and len(findings.warnings()) == 1  # that leakage cannot be excluded


@pytest.mark.parametrize("moved", [0, 5, 20])
def test_ground_that_two_splits_share_is_found_wherever_it_lies(moved: int) -> None:
    whole = scene(1)
    train = [*patches(scene(3), 50), whole[100:132, 200:232]]
    test = [*patches(scene(4), 20), whole[100 : 100 + SIDE, 200 + moved : 200 + moved + SIDE]]
    findings, _ = checked(train, test)
    if moved == 0:
        assert any("1 patches are in train and, pixel for pixel, in test" in line for line in findings.errors())
        return
    (line,) = [line for line in (*findings.errors(), *findings.warnings()) if "share pixels" in line]
    assert "1 of 21 patches of test share pixels with patches of train" in line
    assert "test-0, record 20 and train-0, record 50" in line
    assert bool(findings.errors()) is (moved < SIDE / 2)


@pytest.mark.parametrize("placed", [True, False])
def test_a_brighter_noisy_copy_is_a_near_duplicate(placed: bool) -> None:
    whole, random = scene(5), np.random.default_rng(6)
    original = whole[50:82, 60:92]
    copied = (original * 1.3 + 200 + random.normal(size=original.shape) * 30).astype(np.uint16)
    findings, pairs = checked([*patches(scene(1), 80), original], [*patches(scene(2), 30), copied], placed=placed)
    assert [(pair.one, pair.two) for pair in pairs] == [(80, 30)]
    assert any("train-0, record 80 and test-0, record 30" in line for line in findings.warnings())
    assert findings.errors() == []


def test_slopes_and_even_ground_are_no_copies() -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    random = np.random.default_rng(0)

    def slope(down: float, across: float) -> Array:
        plane = 2000 + down * rows + across * columns
        return np.asarray(plane[..., None] + random.normal(size=(SIDE, SIDE, 3)) * 3).astype(np.uint16)

    even = [slope(0, 0) for _ in range(20)]
    _, pairs = checked([slope(20, 9), *even, *patches(scene(1), 20)], [slope(25, 10), *even[:5][::-1]], placed=True)
    assert not pairs


def test_ten_thousand_patches_take_seconds() -> None:
    random = np.random.default_rng(0)

    def many(count: int) -> Sightings:
        zeros = np.zeros(count, np.int64)
        return Sightings(
            zeros, np.arange(count), np.stack([zeros, zeros], axis=1),
            random.normal(size=(count, 4, 8, 8)).astype(np.float32), random.integers(1, 2**62, count).astype(np.uint64),
            random.integers(0, 2**62, 64 * count).astype(np.uint64), np.repeat(np.arange(count), 64),
        )  # fmt: skip

    train, test = many(8000), many(2000)
    started = time.process_time()
    statistics: Any = {"train": SimpleNamespace(sightings=train), "test": SimpleNamespace(sightings=test)}
    assert not list(copies._alike({"train": train, "test": test}, statistics))
    assert not copies._common(train, test)[0].any()
    assert time.process_time() - started < 20
