"""`sandbox limits` and `sandbox readings`: what a test switches, until the sandbox is reset or stops."""

import json

import pytest

from tests.conftest import Sandbox

MODEL = """
import ee, json
ee.Initialize(project="sandbox")
model = ee.Model.fromVertexAi(
    endpoint="projects/sandbox/locations/us-central1/endpoints/1", inputTileSize=[8, 8],
    outputBands={"p": {"type": ee.PixelType.float(), "dimensions": 0}})
print(json.dumps(model.predictImage(ee.Image([1, 2]).rename(["a", "b"])).bandNames().getInfo()))
"""


def table(text: str) -> dict[str, str]:
    """Lines `name value`."""
    pairs = (line.split() for line in text.splitlines())
    return {name: value for name, value in pairs}


def test_limits_of_both_services_are_shown_and_changed(clean_sandbox: Sandbox) -> None:
    before = table(clean_sandbox.command("limits").stdout)
    assert before["prediction_request_bytes"] == "1,572,864"
    assert before["prediction_response_bytes"] == "1,500,000"
    assert before["concurrent"] == "40"
    after = table(clean_sandbox.command("limits", "prediction_response_bytes=2000000", "concurrent=7").stdout)
    assert after == {**before, "prediction_response_bytes": "2,000,000", "concurrent": "7"}
    for wrong, said in (
        ("prediction_bytes=1", "Unknown limit 'prediction_bytes'; the limits are request_bytes, "),
        ("prediction_response_bytes=0", "must be a positive whole number, not 0"),
        ("prediction_response_bytes=1.5", "must be a positive whole number, not 1.5"),
        ("prediction_response_bytes=much", "NAME=NUMBER, not 'prediction_response_bytes=much'"),
    ):
        refused = clean_sandbox.command("limits", wrong, check=False)
        assert refused.returncode == 1
        assert said in refused.stderr
    clean_sandbox.command("reset")
    assert table(clean_sandbox.command("limits").stdout) == before


def test_readings_are_shown_and_changed(clean_sandbox: Sandbox) -> None:
    assert table(clean_sandbox.command("readings").stdout) == {
        "overlap": "total",
        "prediction": "merged",
        "grpc": "batched",
    }
    assert json.loads(clean_sandbox.python(MODEL)) == ["a", "b", "p"]
    changed = clean_sandbox.command("readings", "prediction=alone", "overlap=each_edge", "grpc=single").stdout
    assert table(changed) == {"overlap": "each_edge", "prediction": "alone", "grpc": "single"}
    assert json.loads(clean_sandbox.python(MODEL)) == ["p"]
    clean_sandbox.command("reset")
    assert json.loads(clean_sandbox.python(MODEL)) == ["a", "b", "p"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("overlap=both", "Reading 'overlap' must be total or each_edge, not 'both'."),
        ("overlaps=total", "Unknown reading 'overlaps'; there are overlap, prediction, grpc."),
        ("overlap", "Reading 'overlap' must be total or each_edge, not ''."),
    ],
)
def test_readings_that_cannot_be_are_named(sandbox: Sandbox, change: str, said: str) -> None:
    refused = sandbox.command("readings", change, check=False)
    assert refused.returncode == 1
    assert said in refused.stderr
