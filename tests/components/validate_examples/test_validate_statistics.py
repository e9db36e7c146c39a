"""What is gathered of examples equals NumPy on the whole, however shards are cut and whatever is added first."""

import functools
import itertools
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.validate_examples.pipeline import gather
from components.validate_examples.reading import Reader
from components.validate_examples.statistics.ground import Ground
from components.validate_examples.statistics.moments import Moments
from components.validate_examples.statistics.pixels import PixelSample
from components.validate_examples.statistics.sketches import Sketch
from components.validate_examples.statistics.split import SplitStatistics
from earthline.formats.examples import Patch, labelled
from earthline.formats.manifest import Manifest, Shard, shard_name
from earthline.formats.shards import frame
from earthline.task.classification.classes import UNLABELLED
from earthline.task.classification.task import Classification
from tests import datasets

Array = np.ndarray[Any, Any]

SHAPE, BANDS, NAMES = (9, 7), ("a", "b", "c"), ("land", "water", "ice")
TASK = Classification(NAMES)


def cut(count: int, cuts: list[int]) -> list[slice]:
    ends = sorted({0, count, *(each % (count + 1) for each in cuts)})
    return [slice(one, two) for one, two in itertools.pairwise(ends)]


@given(
    seed=st.integers(0, 2**32 - 1),
    offset=st.sampled_from([0.0, -3e4, 1e6]),
    scale=st.sampled_from([1e-3, 1.0, 5e3]),
    cuts=st.lists(st.integers(0, 500), max_size=8),
    order=st.randoms(use_true_random=False),
)
def test_moments_and_sketches_add_up_in_any_order(
    seed: int, offset: float, scale: float, cuts: list[int], order: Any
) -> None:
    random = np.random.default_rng(seed)
    values = (offset + scale * random.normal(size=(int(random.integers(1, 500)), 2))).astype(np.float32)
    values[random.random(values.shape) < 0.02] = np.nan
    parts = [values[part] for part in cut(len(values), cuts)]
    order.shuffle(parts)
    total = functools.reduce(operator.add, map(Moments.of, parts), Moments.nothing(2))
    for band in range(2):
        known = values[np.isfinite(values[:, band]), band].astype(np.float64)
        assert total.count[band] == len(known)
        if not len(known):
            continue
        assert total.mean[band] == pytest.approx(known.mean(), rel=1e-6, abs=1e-9)
        assert total.std[band] == pytest.approx(known.std(), rel=1e-6, abs=1e-9)
        assert (total.least[band], total.most[band]) == (known.min(), known.max())
        whole = Sketch.of(known.astype(np.float32))
        added = functools.reduce(
            operator.add, (Sketch.of(part[np.isfinite(part[:, band]), band]) for part in parts), Sketch()
        )
        np.testing.assert_array_equal(whole.bins, added.bins)
        np.testing.assert_array_equal(whole.counts, added.counts)
        for share in (0.05, 0.5, 0.95):
            exact = np.quantile(known, share, method="inverted_cdf")
            assert added.quantiles(np.array([share]))[0] == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16"])
def test_whole_numbers_up_to_2048_are_counted_exactly(kind: str) -> None:
    random = np.random.default_rng(4)
    least = -2048 if kind == "int16" else 0
    values = random.integers(least, 255 if kind == "uint8" else 2048, 5000).astype(kind)
    edges = np.array([least, 3, 50, 200])
    counts = Sketch.of(values).counts_between(edges)
    assert counts.tolist() == np.bincount(np.searchsorted(edges, values, side="left"), minlength=5).tolist()


def write(folder: Path, patches: list[Patch], parts: list[slice], *, placed: bool) -> Manifest:
    """A dataset whose training patches lie in as many shards as there are parts."""
    folder.mkdir()
    manifest = datasets.write(
        folder,
        {"train": patches},
        bands=BANDS,
        class_names=NAMES,
        grid={"crs": "EPSG:32632", "transform": [10, 0, 6e5, 0, -10, 5e6], "shape": [400, 400]},
        placed=placed,
    )
    shards = []
    for index, part in enumerate(parts):
        name = shard_name("train", index, len(parts))
        (folder / name).write_bytes(b"".join(frame(patch.encode()) for patch in patches[part]))
        shards.append(Shard(name=name, examples=len(patches[part])))
    train = manifest.splits["train"].model_copy(update={"shards": tuple(shards)})
    changed = manifest.model_copy(update={"splits": {"train": train}})
    changed.write(folder)
    return changed


def drawn(random: np.random.Generator, count: int) -> list[Patch]:
    """Patches of a scene, so that those that overlap agree."""
    scene = random.integers(0, 4000, (60, 60, len(BANDS))).astype(np.uint16)
    cover = random.choice([0, 1, 2, UNLABELLED], (60, 60)).astype(np.uint8)
    there = random.random((60, 60)) > 0.1
    found = []
    for _ in range(count):
        row, column = random.integers(0, 50, 2).tolist()
        window = np.s_[row : row + SHAPE[0], column : column + SHAPE[1]]
        valid = there[window]
        image = np.where(valid[..., None], scene[window], 0).astype(np.uint16)
        found.append(Patch(image, np.where(valid, cover[window], UNLABELLED).astype(np.uint8), valid, row, column))
    return found


def gathered(folder: Path, manifest: Manifest) -> SplitStatistics:
    limits = (np.zeros(len(BANDS)), np.full(len(BANDS), 3900.0))
    return gather(Reader(folder, manifest, TASK, limits))["train"]


@pytest.mark.parametrize("placed", [True, False], ids=["placed", "unplaced"])
def test_a_dataset_gives_the_same_however_it_is_cut(placed: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    patches = drawn(random, 24)
    cuts = [[slice(0, 24)], [slice(0, 1), slice(1, 11), slice(11, 11), slice(11, 24)], cut(24, list(range(0, 24, 3)))]
    found = []
    for index, parts in enumerate(cuts):
        folder = tmp_path / str(index)
        found.append(gathered(folder, write(folder, patches, parts, placed=placed)))
    image = np.stack([patch.image for patch in patches])
    valid = np.stack([patch.valid for patch in patches])
    label = np.stack([patch.label for patch in patches])
    first = found[0]
    for one in found:
        assert not one.findings.kept
        assert (one.examples, one.masked) == (24, int((~valid).sum()))
        np.testing.assert_allclose(one.moments.mean, image[valid].mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(one.moments.std, image[valid].std(axis=0), rtol=1e-6)
        assert one.labels.by_stratum == tuple(int((label == each).sum()) for each in range(3))
        assert one.outside.values.tolist() == ((image > 3900) & valid[..., None]).sum(axis=(0, 1, 2)).tolist()
        described, expected = one.to_json(BANDS, TASK), first.to_json(BANDS, TASK)
        assert described["ground_labels"] == expected["ground_labels"]
        assert [each["quantiles"] for each in described["bands"].values()] == [
            each["quantiles"] for each in expected["bands"].values()
        ]
        np.testing.assert_array_equal(one.sample.rank, first.sample.rank)
        np.testing.assert_array_equal(one.sample.features, first.sample.features)
        np.testing.assert_array_equal(one.sightings.look, first.sightings.look)
        np.testing.assert_array_equal(np.sort(one.sightings.windows), np.sort(first.sightings.windows))
        if placed:
            assert one.mosaic is not None and first.mosaic is not None
            np.testing.assert_array_equal(one.mosaic.values, first.mosaic.values)
    ground = {
        (patch.row + row, patch.column + column): int(patch.label[row, column])
        for patch in patches
        for row, column in np.argwhere(labelled(patch.label)).tolist()
    }
    counted = list(ground.values()) if placed else label[labelled(label)].tolist()
    assert first.ground_labels(TASK).by_stratum == tuple(counted.count(each) for each in range(3))


def test_labels_that_contradict_each_other_are_counted_and_one_of_them_is_kept() -> None:
    one, two = Ground("uint8"), Ground("uint8")
    one.add(np.array([[0, 1, UNLABELLED]], np.uint8), 255, 254)
    two.add(np.array([[1, UNLABELLED, 2]], np.uint8), 255, 254)
    for total in (one + two, two + one):
        assert total.contradictions == 1
        assert total.pixels == 3
        assert total.statistics(TASK).by_stratum == (1, 1, 1)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_a_sample_is_the_same_whoever_draws_it_and_has_each_class(seed: int, most: int) -> None:
    random = np.random.default_rng(seed)
    patches = drawn(random, 6)

    def sample(chosen: list[Patch]) -> PixelSample:
        return PixelSample.of(
            np.stack([patch.image for patch in chosen]),
            np.stack([patch.valid for patch in chosen]),
            np.stack([patch.label for patch in chosen]),
            np.array([(patch.row, patch.column) for patch in chosen]),
            TASK,
            most,
        )

    whole = sample(patches)
    added = sample(patches[4:]) + sample(patches[:1]) + sample(patches[1:4])
    ground = {(patch.row + row, patch.column + column): patch.label[row, column]
              for patch in patches for row, column in np.argwhere(labelled(patch.label)).tolist()}  # fmt: skip
    held = [min(most, sum(value == each for value in ground.values())) for each in range(3)]
    for one in (whole + whole, added):
        assert np.bincount(one.label, minlength=3).tolist() == held
        assert len({(row, column) for row, column in zip(one.row, one.column, strict=True)}) == len(one)
        np.testing.assert_array_equal(one.rank, (whole + whole).rank)


def test_features_of_a_pixel_are_its_bands_and_what_lies_around_without_masked_pixels() -> None:
    patch = drawn(np.random.default_rng(3), 1)[0]
    one = PixelSample.of(
        patch.image[None], patch.valid[None], patch.label[None], np.array([[patch.row, patch.column]]), TASK, 99
    )
    for place in range(len(one)):
        row, column = one.row[place] - patch.row, one.column[place] - patch.column
        window = np.s_[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
        around = patch.image[window][patch.valid[window]].astype(float)
        expected = np.concatenate([patch.image[row, column], around.mean(axis=0), around.std(axis=0)])
        np.testing.assert_allclose(one.features[place], expected, rtol=1e-5)
