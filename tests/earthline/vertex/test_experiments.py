"""Runs of an experiment, written by the product and read by Google's own client."""

import json
import sys

from tests.conftest import Sandbox

SCRIPT = """
import json, sys
from google.cloud import aiplatform
from earthline.vertex import experiments
place = ("sandbox", "us-central1")
names = [
    experiments.record(*place, "land-cover", {"model": "unet", "model.depth": depth}, {"accuracy": depth / 4})
    for depth in (1, 2)
]
assert experiments.record(*place, "no_such_id", {}, {}) is None
runs = aiplatform.ExperimentRun.list(experiment="land-cover")
print(json.dumps({
    "names": names,
    "runs": {run.name: [run.get_params(), run.get_metrics(), run.get_state()] for run in runs},
    "rows": aiplatform.Experiment("land-cover").get_data_frame(include_time_series=False).to_dict("records"),
}))
"""


def test_each_model_is_a_run_with_its_settings_and_figures(sandbox: Sandbox) -> None:
    done = sandbox.run([sys.executable, "-c", SCRIPT])
    found = json.loads(done.stdout.splitlines()[-1])
    one, two = found["names"]
    assert found["runs"] == {
        one: [{"model": "unet", "model.depth": 1}, {"accuracy": 0.25}, "COMPLETE"],
        two: [{"model": "unet", "model.depth": 2}, {"accuracy": 0.5}, "COMPLETE"],
    }
    rows = {row["run_name"]: row for row in found["rows"]}
    assert rows[two]["param.model.depth"] == 2 and rows[one]["metric.accuracy"] == 0.25
    assert rows[one]["experiment_name"] == "land-cover" and rows[one]["state"] == "COMPLETE"
    assert "experiment no_such_id: no run was written" in done.stderr
