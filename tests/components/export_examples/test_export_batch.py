"""Examples by Earth Engine's own tasks: the same bytes as by requests, whatever happens on the way."""

import json
import sys

import pytest

from earthline.config import Data

from .test_export_examples import BANDS, add_scene, export
from .test_export_examples import section as section_of

pytestmark = pytest.mark.slow

FOLDER = "projects/sandbox/assets/export_batch"
TASKS = 4
"""Of 68 patches, 20 a task."""
STEP = """
import io, json, logging, os, random, sys
from kfp import dsl
from kfp.dsl.types import artifact_types
import requests, urllib3
import google.cloud.storage
from components.export_examples.batch import following
from components.export_examples.run import run

cases, mount = json.loads(sys.argv[1]), sys.argv[2]
following.FIRST_PAUSE, following.LONGEST_PAUSE = 0.05, 0.2
artifact_types._GCS_LOCAL_MOUNT_PREFIX = mount

windows, lines, read = [], [], []
plain = requests.Session.send

class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())

logging.getLogger("components.export_examples").addHandler(Lines(logging.INFO))

def heavy(ground, astray=False):
    # No request gives patches there: first row and column, and those behind the last. Tasks do.
    top, left, bottom, right = ground or (0, 0, 0, 0)
    def refusing(self, request, **options):
        if "alt=media" in request.url and "export_tasks" in request.url and ".tfrecord" in request.url:
            read.append(request.url.partition("?")[0])
        if ":computePixels" not in request.url or b"earthline_valid" not in bytes(request.body, "utf8"):
            return plain(self, request, **options)
        grid = json.loads(request.body)["grid"]
        row = round((228_000 - grid["affineTransform"]["translateY"]) / 30)
        column = round((grid["affineTransform"]["translateX"] - 630_000) / 30)
        height, width = grid["dimensions"]["height"], grid["dimensions"]["width"]
        windows.append((row, column, height, width))
        if astray:
            body = json.loads(request.body)
            body["grid"]["affineTransform"]["translateX"] += 30
            request.body = json.dumps(body)
            request.headers["Content-Length"] = str(len(request.body))
            return plain(self, request, **options)
        if row >= bottom or row + height <= top or column >= right or column + width <= left:
            return plain(self, request, **options)
        said = io.BytesIO(b'{"error": {"code": 400, "message": "User memory limit exceeded."}}')
        told = {"content-type": "application/json"}
        answer = urllib3.HTTPResponse(said, headers=told, status=400, preload_content=False)
        return requests.adapters.HTTPAdapter().build_response(request, answer)
    requests.Session.send = refusing

def step(data, export, folder, temporary="gs://earthline-sandbox/export_batch", ground=None, astray=False):
    windows.clear()
    lines.clear()
    read.clear()
    heavy(ground, astray)
    examples = dsl.Dataset(uri=folder, metadata={})
    outcome = {"windows": windows, "log": lines, "read": read}
    try:
        run(data=data, export=export, project="sandbox", temp_location=temporary, examples=examples)
    except Exception as error:
        outcome["error"] = f"{type(error).__name__}: {error}"
    return json.loads(json.dumps({**outcome, "metadata": examples.metadata}))

def dies(at, before):
    # As by kill -9, at one of the requests that tasks are begun and followed by; before it or with its answer.
    global plain
    send, count = plain, 0
    def counted(self, request, **options):
        nonlocal count
        of_tasks = any(word in request.url for word in ("table:export", "/operations", "export_tasks"))
        count += of_tasks
        if of_tasks and count == at and before:
            os.kill(os.getpid(), 9)
        answer = send(self, request, **options)
        if of_tasks and count == at:
            os.kill(os.getpid(), 9)
        return answer
    plain = counted

outcomes = {}
for name, case in cases.items():
    deaths = 0
    chance = random.Random(7)
    for _ in range(case.pop("deaths", 0)):
        child = os.fork()
        if not child:
            dies(chance.randint(1, 9), chance.random() < 0.5)
            step(**case)
            os._exit(0)
        deaths += os.waitpid(child, 0)[1] == 9
    outcomes[name] = {**step(**case), "deaths": deaths}
print("OUTCOME" + json.dumps(outcomes))
"""


def case(folder, method="batch", data=None, **more):
    section = data or section_of(imagery={"image": f"{FOLDER}/scene"}, labels={"image": f"{FOLDER}/labels"})
    changes = {name: more.pop(name) for name in ("attempts", "patch_shape", "patches_per_task") if name in more}
    asked = export(**{"method": method, "patches_per_task": 20, **changes})
    return {"data": section, "export": asked, "folder": str(folder), **more}


def fractions(root, method):
    """Bands and labels that are no whole numbers, in patches with a middle pixel."""
    ratio = {"image": f"{FOLDER}/scene", "bands": BANDS, "derived": {"ratio": "(b1 - b2) / (b1 + b2)"}}
    value = {"name": "height", "unit": "m", "range": [0, 255], "breaks": [20, 60], "colors": ["#000000"] * 3}
    labels = {"image": f"{FOLDER}/scene", "band": "b2", "value": value}
    data = Data.model_validate({"imagery": {**ratio, "data_type": "float32"}, "labels": labels}).model_dump_json()
    return case(root / f"fractions-{method}", method, data, patch_shape=[9, 9])


def run_step(sandbox, **cases):
    done = sandbox.run([sys.executable, "-c", STEP, json.dumps(cases), f"{sandbox.home}/storage/"], timeout=300)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("OUTCOME")]
    return json.loads(line.removeprefix("OUTCOME")), done.stderr


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def left(sandbox, folder="export_batch"):
    """What lies in the bucket's folder for temporary files."""
    root = sandbox.home / "storage" / "earthline-sandbox" / folder
    return [path for path in root.rglob("*") if path.is_file()]


def begun(sandbox):
    """The export tasks that Earth Engine knows: state by description."""
    answer = sandbox.request("GET", "earthengine.googleapis.com", "/v1/projects/sandbox/operations")
    found = (operation["metadata"] for operation in answer.json()["operations"])
    return {told["description"]: told["state"] for told in found if told["description"].startswith("earthline-")}


@pytest.fixture(scope="module")
def outcomes(sandbox, tmp_path_factory):
    """A run by requests, and one by tasks that is killed again and again."""
    root = tmp_path_factory.mktemp("batch")
    add_scene(sandbox, FOLDER, root)
    before = begun(sandbox)
    found, _ = run_step(sandbox, pixels=case(root / "pixels", "pixels"), batch=case(root / "batch", deaths=8))
    tasks = {name: state for name, state in begun(sandbox).items() if name not in before}
    by_method = {f"fractions-{method}": fractions(root, method) for method in ("pixels", "batch")}
    return root, found | run_step(sandbox, **by_method)[0], tasks


@pytest.fixture
def faults(sandbox):
    yield lambda kind, *more: sandbox.command("faults", "add", kind, "--method", "task:EXPORT_FEATURES", *more)
    sandbox.command("faults", "clear")


@pytest.mark.parametrize(("pixels", "batch"), [("pixels", "batch"), ("fractions-pixels", "fractions-batch")])
def test_both_methods_give_the_same_bytes(outcomes, pixels, batch):
    root, found, _ = outcomes
    assert "error" not in found[pixels] and "error" not in found[batch], found
    written = files(root / pixels)
    assert sum(name.endswith(".tfrecord") for name in written) == 6
    assert files(root / batch) == written
    assert found[batch]["metadata"]["export_tasks"] <= TASKS


def test_a_result_is_read_once(outcomes):
    """The first one is proved while it is read."""
    read = outcomes[1]["fractions-batch"]["read"]
    assert len(read) == outcomes[1]["fractions-batch"]["metadata"]["export_tasks"] == len(set(read))


def test_no_task_is_begun_twice_however_often_the_step_is_killed(sandbox, outcomes):
    _, found, tasks = outcomes
    assert found["batch"]["deaths"] >= 5
    assert sorted(tasks.values()) == ["SUCCEEDED"] * TASKS
    assert not left(sandbox), "what the tasks wrote is removed"


def test_a_task_that_lacks_memory_or_time_is_begun_otherwise(sandbox, outcomes, faults, tmp_path):
    before = begun(sandbox)
    faults("memory", "--times", "1")
    faults("timeout", "--times", "1")
    found, log = run_step(sandbox, batch=case(tmp_path / "batch"))
    assert "error" not in found["batch"], found
    assert files(tmp_path / "batch") == files(outcomes[0] / "pixels")
    assert "User memory limit exceeded; use a smaller patch" in log and "its patches go to two tasks" in log
    states = sorted(state for name, state in begun(sandbox).items() if name not in before)
    assert states == ["FAILED"] * 2 + ["SUCCEEDED"] * (TASKS + 1)


def test_a_task_that_always_fails_ends_the_export_and_the_next_run_goes_on(sandbox, outcomes, faults, tmp_path):
    before = begun(sandbox)
    faults("internal", "--calls", "3,4,5,6")
    cases = {name: case(tmp_path / "batch", attempts=2) for name in ("first", "second")}
    found, log = run_step(sandbox, **cases)
    assert "BatchError: export task earthline-" in found["first"]["error"]
    assert "Internal error; run it again later; it was tried 2 times" in found["first"]["error"]
    assert "error" not in found["second"], found
    assert files(tmp_path / "batch") == files(outcomes[0] / "pixels")
    assert "takes up" in log
    states = [state for name, state in begun(sandbox).items() if name not in before]
    assert states.count("SUCCEEDED") == TASKS, "what was done is not done again"


def test_a_full_queue_is_waited_for(sandbox, outcomes, tmp_path):
    sandbox.command("limits", "queued_operations=1")
    try:
        found, _ = run_step(
            sandbox, batch=case(tmp_path / "batch"), nowhere=case(tmp_path / "nowhere", temporary=str(tmp_path / "t"))
        )
    finally:
        sandbox.command("limits", "queued_operations=3000")
    assert files(tmp_path / "batch") == files(outcomes[0] / "pixels")
    assert "name one by environment.bucket" in found["nowhere"]["error"]


def test_what_nobody_went_on_with_is_removed_and_nothing_else(sandbox):
    script = """
import datetime
from google.cloud import storage
from components.export_examples.batch import task
bucket = storage.Client(project="sandbox").bucket("earthline-sandbox")
ours = [f"old_tasks/export_tasks/{'a' * 32}/earthline-{'b' * 24}{end}" for end in (".json", "-0.tfrecord.gz")]
theirs = [f"old_tasks/export_tasks/{'a' * 32}/mine.json", f"old_tasks/earthline-{'b' * 24}.json"]
for name in ours + theirs:
    bucket.blob(name).upload_from_string(b"")
for kept in (datetime.timedelta(days=21), datetime.timedelta(0)):
    task.KEPT = kept
    task.clear_old("gs://earthline-sandbox/old_tasks", "sandbox")
    there = {blob.name for blob in bucket.list_blobs(prefix="old_tasks/")}
    assert there == set(theirs if not kept else ours + theirs), there
"""
    sandbox.python(script)


def test_a_table_that_is_one_pixel_off_is_no_example(sandbox, outcomes, tmp_path):
    # What is refused stays for a look at it: the last test of this file.
    found, _ = run_step(sandbox, astray=case(tmp_path / "batch", astray=True))
    assert "is not what a request for the same pixels gives" in found["astray"]["error"]
    assert not list((tmp_path / "batch").glob("*.tfrecord"))
