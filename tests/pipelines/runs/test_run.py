"""Submitting, following, cancelling and fetching, by the real client against the sandbox."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Sandbox
from tests.pipelines import drivers

DRIVER = """
import json, sys, time
from pathlib import Path

from earthline.config import load
from pipelines import submission
from pipelines.runs import results
from pipelines.runs.run import Run, UnknownRunError, list_runs
from tiny_pipeline import template

config = load(Path(sys.argv[1]), ["name=tiny-workflow"])
said = {}


def submit(caching=True, **defaults):
    return submission.submit(config, template(**defaults), caching=caching)


def steps(snapshot):
    return {step.name: [step.state, step.progress, step.error] for step in snapshot.steps}


def follow(name, job_id, **more):
    run = Run("sandbox", "us-central1", job_id)
    snapshots = list(run.follow())
    last = snapshots[-1]
    said[name] = {
        "id": job_id, "state": last.state, "workflow": last.workflow, "steps": steps(last),
        "progress": sorted({step.progress for each in snapshots for step in each.steps}),
        "logs": {step.name: list(run.log(step)) for step in last.steps}, **more,
    }
    return last


job_id = submit(seconds=3.0)
try:
    submit(seconds=3.0)
except submission.ActiveRunError as error:
    refused = [str(error), error.job_id]
last = follow("first", job_id, refused=refused)
said["first"]["copies"] = [str(path) for path in results.collect(last, Path("first"), "sandbox")]
last = follow("cached", submit(seconds=3.0))
said["cached"]["copies"] = [str(path) for path in results.collect(last, Path("cached"), "sandbox")]
follow("anew", submit(caching=False, seconds=0.0))
follow("failed", submit(seconds=0.5, fail=True))
last = follow("rejected", submit(seconds=0.5, blessing="nothing"))
said["rejected"]["copies"] = [str(path) for path in results.collect(last, Path("rejected"), "sandbox")]
job_id = submit(seconds=60.0)
time.sleep(1)
Run("sandbox", "us-central1", job_id).cancel()
follow("cancelled", job_id)
said["list"] = [[run.job_id, run.state] for run in list_runs("sandbox", "us-central1", "tiny-workflow")]
said["others"] = len(list_runs("sandbox", "us-central1", "no-such-workflow"))
try:
    Run("sandbox", "us-central1", "no-such-run")
except UnknownRunError as error:
    said["unknown"] = str(error)
Path("said.json").write_text(json.dumps(said))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def said(sandbox: Sandbox, folder: Path) -> dict[str, Any]:
    return drivers.said(sandbox, folder, DRIVER)


def test_a_run_ends_with_its_results_here(said: dict[str, Any], folder: Path) -> None:
    first = said["first"]
    assert (first["state"], first["workflow"]) == ("SUCCEEDED", "tiny-workflow")
    assert {name: state for name, (state, *_) in first["steps"].items()} == {
        "evaluate_model": "SUCCEEDED",
        "predict_map": "SUCCEEDED",
    }
    expected = {"evaluation.json", "map.png", "map.tif", "report.html"}
    assert {Path(path).name for path in first["copies"]} == expected
    assert (folder / "first" / "map.tif").read_bytes() == b"tif"
    assert (folder / "first" / "report.html").read_text() == "<p>report</p>"


def test_progress_and_log_of_a_step_are_its_own_lines(said: dict[str, Any]) -> None:
    assert any(line.startswith("epoch ") for line in said["first"]["progress"])
    assert not any("oneDNN" in line or "KFP Executor" in line for line in said["first"]["progress"])
    # Neither a line of the executor's JSON nor one of the step's own.
    assert [line for line in said["first"]["progress"] if line and not line.startswith("epoch ")] == []
    log = said["first"]["logs"]["evaluate_model"]
    assert [line for line in log if line.startswith("epoch ")] == [f"epoch {number}/10" for number in range(1, 11)]
    assert not any(line.startswith("epoch ") for line in said["first"]["logs"]["predict_map"])


def test_a_workflow_that_runs_is_not_started_again(said: dict[str, Any]) -> None:
    message, job_id = said["first"]["refused"]
    assert job_id == said["first"]["id"]
    assert f"earthline runs follow {job_id}" in message
    assert f"earthline runs cancel {job_id}" in message


def test_a_second_run_takes_its_steps_from_the_cache_and_still_has_results(said: dict[str, Any]) -> None:
    cached = said["cached"]
    assert cached["id"] != said["first"]["id"]
    assert {state for state, *_ in cached["steps"].values()} == {"SKIPPED"}
    assert len(cached["copies"]) == 4


def test_without_the_cache_every_step_runs(said: dict[str, Any]) -> None:
    assert {state for state, *_ in said["anew"]["steps"].values()} == {"SUCCEEDED"}


def test_a_failed_step_says_why_and_its_log_says_it_too(said: dict[str, Any]) -> None:
    failed = said["failed"]
    assert failed["state"] == "FAILED"
    assert failed["steps"]["evaluate_model"][0] == "SUCCEEDED"
    state, _, error = failed["steps"]["predict_map"]
    assert state == "FAILED"
    assert "non-zero status of 1" in error
    lines = failed["logs"]["predict_map"]
    assert lines[-1] == "ValueError: shard 3 holds NaN in band B4"
    # What the first try said is not lost.
    tries = [line for line in lines if line.startswith(("==>", "ValueError"))]
    assert tries == ["==> try 1 of predict_map, which failed", lines[-1], "==> try 2 of predict_map", lines[-1]]


def test_a_rejected_model_is_a_success_without_a_map(said: dict[str, Any]) -> None:
    rejected = said["rejected"]
    assert rejected["state"] == "SUCCEEDED"
    assert rejected["steps"]["predict_map"][0] in ("WAITING", "NOT_TRIGGERED")
    assert [Path(path).name for path in rejected["copies"]] == ["evaluation.json"]


def test_a_cancelled_run_ends(said: dict[str, Any]) -> None:
    assert said["cancelled"]["state"] == "CANCELLED"
    assert said["cancelled"]["steps"]["evaluate_model"][0] == "CANCELLED"


def test_runs_are_listed_newest_first(said: dict[str, Any]) -> None:
    order = ["cancelled", "rejected", "failed", "anew", "cached", "first"]
    assert said["list"] == [[said[name]["id"], said[name]["state"]] for name in order]
    assert said["others"] == 0


def test_an_unknown_run_is_named(said: dict[str, Any]) -> None:
    assert said["unknown"].startswith("no run 'no-such-run' in project sandbox, location us-central1")
