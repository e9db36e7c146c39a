"""What no request gives comes by Earth Engine's tasks in the same step: the same bytes, and nothing twice."""

import re

import pytest

from earthline.formats.manifest import SPLITS, Manifest

from ..scene import save
from .test_export_batch import begun, files, left, run_step
from .test_export_batch import case as case_of
from .test_export_examples import OFFSET, add_scene, clouds, patches
from .test_export_examples import section as section_of

pytestmark = pytest.mark.slow

FOLDER = "projects/sandbox/assets/export_rerouting"
TEMPORARY = "gs://earthline-sandbox/export_rerouting"
BOTH = "pixels_then_batch"
HEAVY = (50, 30, 75, 70)
"""Ground that is too heavy for requests: first row and column, and those behind the last."""
EVERYWHERE = (-99, -99, 999, 999)
CLEAR = section_of(imagery={"image": f"{FOLDER}/scene"}, labels={"image": f"{FOLDER}/labels"})
CLOUDY = section_of(imagery={"image": f"{FOLDER}/cloudy"}, labels={"image": f"{FOLDER}/labels"})
LEFT = re.compile(r"(\d+) patches come by no request, and are left to export tasks: patch at .*memory limit exceeded")
TAKEN_UP = re.compile(r"takes up \d+ export tasks of an earlier run, of (\d+) patches")


def case(folder, method, data=CLEAR, **more):
    return case_of(folder, method, data, **{"temporary": TEMPORARY, **more})


@pytest.fixture(scope="module")
def root(sandbox, tmp_path_factory):
    """A clear scene and one that is mostly masked."""
    root = tmp_path_factory.mktemp("rerouting")
    imagery = add_scene(sandbox, FOLDER, root)
    imagery[:, clouds()] = 0
    sandbox.command("add", f"{FOLDER}/cloudy", save(root / "cloudy.tif", imagery, nodata=0))
    return root


@pytest.fixture(scope="module")
def undisturbed(sandbox, root):
    """A run by requests that all work."""
    return run_step(sandbox, pixels=case(root / "pixels", "pixels"))[0]


@pytest.fixture(scope="module")
def outcomes(sandbox, root, undisturbed):
    """It, and runs whose requests are refused for some ground."""
    found = (
        undisturbed
        | run_step(
            sandbox,
            unhindered=case(root / "unhindered", BOTH),
            both=case(root / "both", BOTH, ground=HEAVY),
            stopped=case(root / "again", "pixels", ground=HEAVY),
            nowhere=case(root / "again", BOTH, ground=HEAVY, temporary=str(root / "temporary")),
        )[0]
    )
    found |= run_step(
        sandbox,
        again=case(root / "again", BOTH, ground=HEAVY),
        cloudy=case(root / "cloudy", "pixels", CLOUDY),
        both_cloudy=case(root / "both_cloudy", BOTH, CLOUDY, ground=HEAVY),
        everywhere=case(root / "everywhere", BOTH, ground=EVERYWHERE),
    )[0]
    return {name: {**outcome, "log": "\n".join(outcome["log"])} for name, outcome in found.items()}


def heavy_patches(folder):
    """How many examples lie on heavy ground, with the labels beside them."""
    top, leftmost, bottom, right = HEAVY
    manifest, count = Manifest.read(folder), 0
    for patch in (patch for split in SPLITS for patch in patches(folder, manifest, split)):
        height, width = patch.valid.shape
        rows = patch.row + min(OFFSET[0], 0), patch.row + height + max(OFFSET[0], 0)
        columns = patch.column + min(OFFSET[1], 0), patch.column + width + max(OFFSET[1], 0)
        count += rows[0] < bottom and rows[1] > top and columns[0] < right and columns[1] > leftmost
    return count


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("unhindered", "pixels"),
        ("both", "pixels"),
        ("both_cloudy", "cloudy"),
        ("everywhere", "pixels"),
        ("again", "pixels"),
    ],
)
def test_the_bytes_are_those_of_a_run_whose_requests_work(outcomes, root, name, plain):
    assert "error" not in outcomes[plain] and "error" not in outcomes[name], outcomes
    written = files(root / plain)
    assert sum(file.endswith(".tfrecord") for file in written) == 6
    assert files(root / name) == written


def test_what_no_request_gives_comes_by_a_task_and_nothing_else_does(outcomes, root):
    both, expected = outcomes["both"], heavy_patches(root / "pixels")
    assert 3 < expected < 20
    assert both["metadata"]["rerouted_patches"] == int(LEFT.search(both["log"])[1]) == expected
    assert both["metadata"]["export_tasks"] == 1
    # The task is proved by a patch that a request gave before.
    assert "are not compared" not in both["log"]


def test_replacements_of_masked_patches_come_by_tasks_too(outcomes):
    log = outcomes["both_cloudy"]["log"]
    assert "are of no use" in log and len(LEFT.findall(log)) >= 2


def test_where_no_request_works_the_rest_is_not_asked_for(outcomes):
    everywhere = outcomes["everywhere"]
    assert everywhere["metadata"]["rerouted_patches"] == 68
    assert "comes by a request; asks no more" in everywhere["log"]
    assert "are not compared with a request's" in everywhere["log"]


def test_where_every_request_works_no_task_is_begun_and_no_other_request_made(outcomes):
    unhindered = outcomes["unhindered"]
    assert sorted(unhindered["windows"]) == sorted(outcomes["pixels"]["windows"])
    assert not {"rerouted_patches", "export_tasks"} & unhindered["metadata"].keys()


def test_requests_alone_name_the_ways_that_go_on(outcomes):
    assert re.search(r"write export\.method: pixels_then_batch .*method: batch", outcomes["stopped"]["error"])
    nowhere = outcomes["nowhere"]
    assert "export.method: pixels_then_batch has no bucket" in nowhere["error"]
    assert not nowhere["windows"], "nothing is asked for before"


def test_killed_again_and_again_it_asks_for_nothing_twice(sandbox, undisturbed, root):
    before = begun(sandbox)
    more = {"ground": HEAVY, "patches_per_task": 4, "deaths": 6}
    found, log = run_step(sandbox, killed=case(root / "killed", BOTH, **more))
    assert "error" not in found["killed"] and found["killed"]["deaths"] >= 4, found
    assert files(root / "killed") == files(root / "pixels")
    tasks = {name: state for name, state in begun(sandbox).items() if name not in before}
    assert set(tasks.values()) == {"SUCCEEDED"}
    # A patch that is here already takes a place in each.
    assert len(tasks) == -(-heavy_patches(root / "pixels") // 3)
    assert not left(sandbox, "export_rerouting") and "takes up" in log
    # What tasks have in hand is asked for by no request; one more is the proof.
    in_hand = sum(int(count) for line in found["killed"]["log"] for count in TAKEN_UP.findall(line))
    alone = {(row, column) for row, column, *shape in found["killed"]["windows"] if shape == [9, 8]}
    assert len(alone) <= heavy_patches(root / "pixels") - in_hand + 1
