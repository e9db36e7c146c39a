"""What a canary finds out about Earth Engine and endpoints is what is the case, whichever of Google's texts holds."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

SCRIPT = """
import json
from dataclasses import asdict

from earthline.config import Config
from earthline.grid import Grid
from earthline.earth_engine import connection as earth_engine
from earthline.vertex import connection as vertex
from pipelines.canary import cleaning, probes

config = Config.model_validate({
    "name": "probes-test",
    "environment": {"resource_labels": {"team": "tests"}},
    "data": {
        "imagery": {"image": "projects/sandbox/assets/none", "bands": ["b1"]},
        "labels": {"image": "projects/sandbox/assets/none", "band": "b1", "classes": [
            {"name": "a", "color": "#000000", "values": [0]}, {"name": "b", "color": "#ffffff", "values": [1]}]},
    },
})
grid = Grid("EPSG:32632", (10, 0, 600000, 0, -10, 5000000), (500, 700))
earth_engine.connect("sandbox")
vertex.connect("sandbox", "us-central1")
from google.cloud import aiplatform
shared = probes.deploy(config, "probes-test-shapes", dedicated=False)
dedicated = probes.deploy(config, "probes-test-dedicated", dedicated=True)
print("READY", flush=True)
found = {}
for reading in ("one", "other"):
    input()
    found[reading] = [asdict(answer) for answer in (*probes.shared(shared, grid), probes.dedicated(dedicated, grid))]
    print("DONE", flush=True)
names = ("probes-test", "probes-test-shapes", "probes-test-dedicated")
problems = cleaning.clean(config, names)
left = [each.display_name for listed in (aiplatform.Endpoint, aiplatform.Model) for each in listed.list()]
print("FOUND" + json.dumps({**found, "problems": problems, "left": [name for name in left if name in names]}))
"""


@pytest.fixture(scope="module")
def found(sandbox: Any) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=sandbox.client_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None

    def wait_for(word: str) -> None:
        seen = next((line for line in process.stdout or () if line.startswith(word)), "")
        assert seen, process.communicate()[1]

    try:
        wait_for("READY")
        process.stdin.write("\n")
        process.stdin.flush()
        wait_for("DONE")
        sandbox.command("readings", "overlap=each_edge", "prediction=alone")
        output, errors = process.communicate("\n", timeout=200)
    finally:
        sandbox.command("readings", "overlap=total", "prediction=merged")
        process.kill()
        process.wait()
    line = next((line for line in output.splitlines() if line.startswith("FOUND")), "")
    assert line, errors
    yield json.loads(line.removeprefix("FOUND"))


def answers(found: dict[str, Any], reading: str) -> dict[str, Any]:
    return {each["question"]: each["answer"] for each in found[reading]}


@pytest.mark.slow
def test_it_tells_how_overlap_is_counted_and_whether_bands_are_kept(found: dict[str, Any]) -> None:
    one, other = answers(found, "one"), answers(found, "other")
    assert (one["inputOverlapSize"], other["inputOverlapSize"]) == ("total", "each edge")
    assert (one["bands of predictImage"], other["bands of predictImage"]) == ("merged", "alone")


@pytest.mark.slow
def test_it_tells_whether_small_types_arrive(found: dict[str, Any]) -> None:
    for question in ("outputs of uint8", "inputs of uint16"):
        assert [answers(found, reading)[question] for reading in ("one", "other")] == [True, True]


@pytest.mark.slow
def test_it_tells_how_large_request_and_answer_may_be(found: dict[str, Any]) -> None:
    # The largest of its sizes below what the sandbox takes: 1,572,864 bytes there, 1,500,000 back.
    for reading in ("one", "other"):
        told = answers(found, reading)
        assert (told["largest request"], told["largest answer"]) == (1_523_712, 1_376_256)
    (refused,) = [each["detail"] for each in found["one"] if each["question"] == "largest answer"]
    assert "Response size too large" in refused


@pytest.mark.slow
def test_it_tells_whether_a_dedicated_endpoint_is_reached(found: dict[str, Any]) -> None:
    assert answers(found, "one")["dedicated endpoint"] is True


@pytest.mark.slow
def test_nothing_of_it_stays(found: dict[str, Any]) -> None:
    assert (found["problems"], found["left"]) == ([], [])
