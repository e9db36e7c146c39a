"""The accuracy benchmark: one run through the command, its datasets, and its intervals."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely
from threadpoolctl import threadpool_limits

from benchmarks.accuracy import __main__ as command
from benchmarks.accuracy import baselines, candidates, cell, datasets, models, results, scenes, sets, table
from benchmarks.accuracy.pooling import Pool
from benchmarks.accuracy.results import PLAIN, Cell, Result
from earthline import patches
from earthline.formats.manifest import SPLITS, Manifest
from earthline.task import task_of_record
from earthline.task.classification.task import Classification

CHECKOUT = Path(__file__).parents[3]
TASK = Classification(("fallow", "crop"))


def result(
    model: str, seed: int, right: list[int], wrong: list[int], ground: list[int], variant: str = PLAIN
) -> Result:
    """A run whose block i has `right[i]` pixels of each class right and `wrong[i]` wrong."""
    counts = np.array([[[r, w], [w, r]] for r, w in zip(right, wrong, strict=True)])
    sums = TASK.gate_sums(counts)
    return Result(
        cell=Cell(set="square_fields", model=model, variant=variant, seed=seed),
        task=TASK.record,
        metrics={metric: float(TASK.gate_figure(sums.sum(axis=0), metric)) for metric in TASK.measures},
        ground=tuple(ground),
        sums=tuple(tuple(map(float, row)) for row in sums),
        pixels=int(counts.sum()),
        train_examples=60,
        epochs=1,
        best_epoch=1,
        parameters=450,
        train_seconds=1,
        predict_seconds=0.1,
        settings={},
    )


@pytest.mark.slow
def test_the_command_runs_a_cell_writes_its_result_and_resumes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{table.BEGIN}\nold\n{table.END}\n\nAfter.\n")
    run = [sys.executable, "-m", "benchmarks.accuracy", "--quick", "--threads", "1"]
    run += ["--work", str(tmp_path / "work"), "--output", str(tmp_path / "results"), "--page", str(page)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EARTHLINE")}

    first = subprocess.run(run, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)

    assert first.returncode == 0, first.stderr
    (found,) = results.read(tmp_path / "results")
    assert found.cell == Cell(set="square_fields", model="pixel_mlp", seed=0)
    assert found.settings["epochs"] == found.epochs == 3
    test = patches.read(tmp_path / "work/square_fields/0", Manifest.read(tmp_path / "work/square_fields/0"), "test")
    assert found.pixels == test.labelled.sum()
    assert np.isclose(np.array(found.sums)[:, 2:4].sum(), found.pixels)
    assert f"| `pixel_mlp` | 1 | {found.metrics['macro_f1']:.3f} |" in page.read_text()
    assert "old" not in page.read_text() and page.read_text().endswith("After.\n")

    again = subprocess.run(run, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0 and "done after" in first.stderr and "done after" not in again.stderr


def test_a_dataset_keeps_splits_apart_and_holds_the_scene(tmp_path: Path) -> None:
    folder = datasets.prepared("square_fields", 3, tmp_path)
    manifest = Manifest.read(folder)
    boxes = {}
    for split in SPLITS:
        corner = patches.read(folder, manifest, split).corner
        boxes[split] = shapely.union_all(
            [shapely.box(column, row, column + 8, row + 8) for row, column in corner.tolist()]
        )
        assert shapely.difference(boxes[split], shapely.geometry.shape(manifest.split_areas[split])).area == 0
    assert min(boxes["train"].distance(boxes[split]) for split in ("validation", "test")) >= manifest.gap
    assert boxes["validation"].distance(boxes["test"]) >= manifest.gap
    other = Manifest.read(datasets.prepared("square_fields", 4, tmp_path))
    assert other.split_hash != manifest.split_hash


def test_an_unfinished_dataset_is_written_again(tmp_path: Path) -> None:
    folder = datasets.prepared("square_fields", 0, tmp_path)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "manifest.json").unlink()
    (folder / "rest.part").touch()
    datasets.prepared("square_fields", 0, tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_sparse_labels_take_the_nearest_patch_that_fits() -> None:
    fits = scenes.fitting(shapely.box(2, 0, 8, 6), (6, 10), (4, 4))
    assert fits.shape == (3, 7)
    assert np.argwhere(fits).tolist() == [[row, column] for row in range(3) for column in range(2, 5)]
    assert scenes._around(3, 4, fits, (4, 4), sparse=False) == (1, 2)
    assert scenes._around(0, 7, fits, (4, 4), sparse=False) is None
    assert scenes._around(0, 7, fits, (4, 4), sparse=True) == (0, 4)
    assert scenes._around(0, 9, fits, (4, 4), sparse=True) is None


def test_a_set_without_its_files_is_skipped_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EARTHLINE_DATA", str(tmp_path / "nowhere"))
    assert command.main(["--sets", "leipzig", "--work", str(tmp_path), "--output", str(tmp_path / "results")]) == 0
    said = capsys.readouterr()
    assert "SKIPPED leipzig" in said.err and "EARTHLINE_DATA" in said.err
    assert "Not measured yet." in said.out


def test_every_model_has_settings_that_the_product_takes() -> None:
    for name in (name for name in models.names() if models.baseline(name) is None):
        assert models.section(name, {}, 7).seed == 7
    for changes in models.variants(command.HERE / "ablations.yaml").values():
        assert models.section("unet", changes, 0).model.name == "unet"
    changed = models.section("unet", {"augment": False, "model.depth": 1}, 0)
    assert not changed.augment and changed.model.stride == 2
    with pytest.raises(ValueError, match="no_such"):
        models.section("unet", {"no_such": 1}, 0)


@pytest.mark.parametrize("kind", baselines.KINDS)
def test_a_baseline_learns_a_clean_border(tmp_path: Path, kind: str) -> None:
    folder = datasets.prepared("square_fields", 0, tmp_path)
    manifest = Manifest.read(folder)
    train, test = (patches.read(folder, manifest, split) for split in ("train", "test"))
    # Threads that wait for each other are slow where other work shares the processors.
    with threadpool_limits(1):
        fitted = baselines.Baseline.fitted(kind, task_of_record(manifest.task), train, 0)
    assert fitted.pixels == train.labelled.sum()
    assert (fitted.predicted(test) == test.label[test.labelled]).mean() > 0.95


def test_models_and_variants_are_for_some_sets_alone(tmp_path: Path) -> None:
    assert models.suits("temporal", {}, "ljubljana") and not models.suits("temporal", {}, "leipzig")
    assert not models.suits("unet", {"augment": False, "sets": ["leipzig"]}, "virginia")
    assert models.suits("baseline_forest", {}, "virginia")
    assert not models.suits("baseline_forest", {"augment": False}, "virginia")
    file = tmp_path / "variants.yaml"
    file.write_text("../up: {augment: false}\n")
    with pytest.raises(ValueError, match=r"'\.\./up'"):
        models.variants(file)


def test_a_prior_beside_a_training_is_that_of_a_training_with_it(tmp_path: Path) -> None:
    folder = datasets.prepared("square_fields", 0, tmp_path)
    plain: dict[str, object] = {"epochs": 2}
    moved: dict[str, object] = plain | {"prior": {"towards": "equal"}}
    one = Cell(set="square_fields", model="linear", seed=0)
    other = one.model_copy(update={"variant": "prior"})

    both = list(cell.run(one, plain, folder, {"prior": moved}))
    (alone,) = cell.run(other, moved, folder)

    assert [found.cell for found in both] == [one, other]
    assert both[1].sums == alone.sums and both[1].settings == alone.settings
    assert both[0].sums != both[1].sums, "this prior changes nothing, so that the test could not fail"


def test_only_what_comes_after_the_training_shares_it() -> None:
    plain = Cell(set="leipzig", model="unet", seed=0)
    prior, jitter = (plain.model_copy(update={"variant": name}) for name in ("prior", "jitter"))
    variants: dict[str, dict[str, object]] = {
        PLAIN: {},
        "prior": {"prior": {"towards": "ground"}, "sets": ["leipzig"]},
        "jitter": {"band_jitter": 0.1},
    }
    assert command._of_one_training([plain, prior, jitter], variants) == {plain: [prior], jitter: []}
    assert command._of_one_training([prior], variants) == {prior: []}


def test_a_gain_is_paired_by_seed_and_ground() -> None:
    random = np.random.default_rng(0)
    one, two = [], []
    for seed in range(5):
        ground = sorted(random.permutation(20)[:8].tolist())
        hard = random.integers(20, 80, 8)
        one.append(result("unet", seed, (100 - hard + 3).tolist(), (hard - 3).tolist(), ground))
        two.append(result("pixel_mlp", seed, (100 - hard).tolist(), hard.tolist(), ground))
    pool = Pool(one + two)
    mean, gain = pool.mean(one, "accuracy"), pool.gain(one, two, "accuracy")
    assert np.isclose(gain.value, 0.03) and gain.above and gain.high - gain.low < 1e-6
    assert mean.high - mean.low > 0.1
    assert np.isclose(mean.value, np.mean([each.metrics["accuracy"] for each in one]))
    assert pool.gain(one[:3], two[1:], "accuracy").seeds == 2
    assert pool.gain(one[:3], two[1:], "accuracy").low is None
    assert pool.gain(two, one, "accuracy").below
    elsewhere = result("pixel_mlp", 0, [50] * 8, [50] * 8, list(range(8)))
    with pytest.raises(ValueError, match="square_fields/unet"):
        Pool([*one, elsewhere]).gain(one, [elsewhere], "accuracy")


@pytest.mark.parametrize(("of_blocks", "of_seeds"), [(0.08, 0.02), (0.0, 0.04)])
def test_intervals_hold_what_they_promise(of_blocks: float, of_seeds: float) -> None:
    """Blocks and seeds each shift a model's accuracy: 95 % intervals hold the true mean about as often."""
    inside = 0
    for draw in range(100):
        random = np.random.default_rng(draw)
        shifts = random.normal(0, of_blocks, 24)
        runs = []
        for seed in range(5):
            ground = np.sort(random.permutation(24)[:8])
            share = np.clip(0.7 + shifts[ground] + random.normal(0, of_seeds) + random.normal(0, 0.02, 8), 0, 1)
            right = np.rint(1000 * share).astype(int)
            runs.append(result("unet", seed, right.tolist(), (1000 - right).tolist(), ground.tolist()))
        figure = Pool(runs).mean(runs, "accuracy")
        assert figure.low is not None and figure.high is not None
        inside += figure.low <= 0.7 <= figure.high
    assert 90 <= inside <= 99


def test_the_table_says_where_nothing_beats_the_forest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "AGAINST", ("pixel_mlp",))
    ground = list(range(8))
    forest = [result("pixel_mlp", seed, [80] * 8, [20] * 8, ground) for seed in range(5)]
    worse = [result("unet", seed, [70] * 8, [30] * 8, ground) for seed in range(5)]
    better = [result("unet", seed, [90] * 8, [10] * 8, ground, "no_flips") for seed in range(5)]
    text = table.page([*forest, *worse, *better], {"square_fields": sets.CHECKS["square_fields"]})
    assert "**None of the models measured here beats the pixel mlp.**" in text
    assert "| `unet` | 5 | 0.700 [0.700, 0.700] |" in text and "**-0.100 [-0.100, -0.100]**" in text
    assert "Not measured here yet: `baseline_forest`," in text and "`unet`, `context" not in text
    assert "| `unet` | no_flips | **+0.200 [+0.200, +0.200]**, 5 seeds |" in text


def test_the_table_says_what_was_chosen_on_each_split() -> None:
    runs = [result("auto", seed, [80], [20], [0]) for seed in range(3)]
    chosen = [
        run.model_copy(update={"chosen": name}) for run, name in zip(runs, ("unet", "linear", "unet"), strict=True)
    ]
    text = table.page(chosen, {"square_fields": sets.CHECKS["square_fields"]})
    assert "Of 3 splits `auto` took `unet` 2, `linear` 1." in text


@pytest.mark.slow
def test_candidates_are_scored_as_models_of_their_own(tmp_path: Path) -> None:
    folder = datasets.prepared("square_fields", 0, tmp_path)
    # One of them has no entry in models.yaml.
    names = [{"name": "random_forest", "trees": 3}, {"name": "random_forest"}]
    train = models.section("auto", {"model.candidates": names, "model.average": False}, 0)
    chosen, *others = candidates.learned("auto", train, folder, others=True)
    assert chosen.name == "auto" and chosen.chosen == "random_forest"
    assert [(each.name, each.train.model.name, each.chosen) for each in others] == [
        ("random_forest", "random_forest", "")
    ]
    assert others[0].network.count_params() > 0
    assert [each.name for each in candidates.learned("auto", train, folder, others=False)] == ["auto"]


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    results.write(result("unet", 0, [1], [1], [0]), tmp_path)
    path = tmp_path / "square_fields/unet.0.json"
    assert results.read(tmp_path)[0] == result("unet", 0, [1], [1], [0])
    path.write_text(json.dumps({**json.loads(path.read_text()), "pixels": "many"}))
    with pytest.raises(ValueError, match=r"(?s)unet\.0\.json.*pixels"):
        results.read(tmp_path)


def test_the_results_of_the_repository_can_be_read() -> None:
    found = results.read(command.HERE / "results")
    assert all(run.cell.set in sets.SETS and run.cell.model in models.names() for run in found)
    table.page(found, sets.SETS)
