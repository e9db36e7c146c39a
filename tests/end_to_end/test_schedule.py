"""A workflow that runs again by itself: every minute, with changes and without."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .conftest import Laptop, tiny

SCHEDULED = (
    "environment.resource_labels={team: maps}",
    "environment.service_account=trainer@sandbox.iam.gserviceaccount.com",
    "schedule.cron='* * * * *'",
    # A run that is due while another is under way starts when that has ended, not up to a minute later.
    "schedule.allow_queueing=true",
)
LABELS = {"team": "maps", "earthline-workflow": "retrained"}


def settings(*more: str) -> tuple[str, ...]:
    return tiny("retrained", *SCHEDULED, *more)


class Vertex:
    """The sandbox's Vertex AI, asked by plain HTTP: a client process for each look would take longer than the steps."""

    def __init__(self, laptop: Laptop) -> None:
        state = json.loads((laptop.home / "state.json").read_text())
        host = {"Host": "us-central1-aiplatform.googleapis.com"}
        base = f"http://127.0.0.1:{state['port']}/v1/projects/sandbox/locations/us-central1"
        self._client = httpx.Client(base_url=base, headers=host, trust_env=False, timeout=60)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self._client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def schedule(self) -> dict[str, Any]:
        """The one schedule of the workflow."""
        (found,) = self.get("/schedules", filter='display_name="retrained"')["schedules"]
        schedule: dict[str, Any] = found
        return schedule

    def runs(self) -> list[dict[str, Any]]:
        """Runs of the workflow, oldest first."""
        found = self.get("/pipelineJobs", filter='labels.earthline-workflow="retrained"', orderBy="create_time")
        runs: list[dict[str, Any]] = found["pipelineJobs"]
        return runs

    def run_after(self, moment: str, *, ended: bool, seconds: float = 600) -> dict[str, Any]:
        """The first run that was created after a moment, once it has begun or ended."""
        deadline = time.monotonic() + seconds
        while True:
            runs = [run for run in self.runs() if run["createTime"] > moment]
            if runs and ("endTime" in runs[0] if ended else steps(runs[0])):
                return runs[0]
            assert time.monotonic() < deadline, [run["state"] for run in self.runs()]
            time.sleep(0.5)

    def serving(self) -> str:
        """Version of the model that gets all traffic."""
        (endpoint,) = self.get("/endpoints", filter='display_name="retrained"')["endpoints"]
        (model,) = [each for each in endpoint["deployedModels"] if endpoint["trafficSplit"].get(each["id"]) == 100]
        version: str = model["modelVersionId"]
        return version


def steps(run: dict[str, Any]) -> dict[str, str]:
    return {task["taskName"]: task["state"] for task in run["jobDetail"].get("taskDetails", [])}


def done(run: dict[str, Any]) -> set[str]:
    """The steps of a run that did something, or had done it before."""
    return {name for name, state in steps(run).items() if state in ("SUCCEEDED", "SKIPPED")}


def gate(laptop: Laptop, run: dict[str, Any]) -> dict[str, Any]:
    """The verdict of a run, as the command line lays it down; it is asked for the run's results first."""
    job_id = run["name"].rpartition("/")[2]
    shown = laptop.earthline("runs", "follow", job_id)
    cached = steps(run)["train-model"] == "SKIPPED"
    deed = "not trained again, the cache held its model" if cached else "retrained"
    assert f"{deed}: the config changed since" in shown
    verdict: dict[str, Any] = json.loads((laptop.folder / "runs" / job_id / "evaluation.json").read_text())["gate"]
    return verdict


@pytest.fixture
def vertex(laptop: Laptop, quickstart: str) -> Iterator[Vertex]:
    laptop.earthline("schedule", "create", quickstart, *settings("evaluate.min_gain=-1"))
    asked = Vertex(laptop)
    yield asked
    asked.close()
    laptop.earthline("schedule", "delete", quickstart, "--set", "name=retrained", code=None)


@pytest.mark.long
def test_a_schedule_retrains_on_news_and_promotes_only_what_is_better(
    laptop: Laptop, quickstart: str, vertex: Vertex
) -> None:
    # It has never run: it retrains, and with the gate wide open the model is deployed.
    created = vertex.schedule()["createTime"]
    vertex.run_after(created, ended=False)

    # Another seed is a change. The difference is shown, and there is still one schedule; it holds for the runs to
    # come, and no model can be better by 1 than one that is right about anything.
    output = laptop.earthline("schedule", "create", quickstart, *settings("evaluate.min_gain=1", "train.seed=1"))
    assert "train.seed: 0 -> 1" in output
    assert "evaluate.min_gain: -1" in output
    asked_for_more = vertex.schedule()["updateTime"]
    first = vertex.run_after(created, ended=True)
    assert first["state"] == "PIPELINE_STATE_SUCCEEDED", first.get("error")
    assert "deploy-model" in done(first)
    champion = vertex.serving()

    # Not better: rejected, which is no failure, and the champion stays.
    vertex.run_after(asked_for_more, ended=False)
    laptop.earthline("schedule", "create", quickstart, *settings("evaluate.min_gain=-1", "train.seed=1"))
    asked_for_less = vertex.schedule()["updateTime"]
    rejected = vertex.run_after(asked_for_more, ended=True)
    assert rejected["state"] == "PIPELINE_STATE_SUCCEEDED", rejected.get("error")
    assert {"train-model", "evaluate-model"} <= done(rejected)
    assert not {"prepare-saved-model", "deploy-model", "register-ee-model", "predict-map"} & done(rejected)
    assert vertex.serving() == champion

    # The same model is better by more than -1: promoted, and trained no second time.
    promoted = vertex.run_after(asked_for_less, ended=True)
    assert promoted["state"] == "PIPELINE_STATE_SUCCEEDED", promoted.get("error")
    assert steps(promoted)["train-model"] == "SKIPPED"
    assert "deploy-model" in done(promoted)
    assert int(vertex.serving()) == int(champion) + 1

    # Now nothing is new: a success in seconds, in which nothing else ran.
    idle = vertex.run_after(promoted["endTime"], ended=True)
    assert idle["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert done(idle) == {"detect-changes"}
    oldest = laptop.earthline("runs", "list", "--workflow", "retrained").splitlines()[-4:]
    outcomes = [re.split("  +", line)[3] for line in oldest]
    assert outcomes == ["nothing new", "accepted (cached)", "rejected", "accepted"]
    output = laptop.earthline("schedule", "pause", quickstart, "--set", "name=retrained")
    assert "paused" in output

    for run, blessed in ((rejected, False), (promoted, True)):
        verdict = gate(laptop, run)
        assert verdict["compared_with"].startswith("projects/") and verdict["blessed"] is blessed, verdict

    # Every run is the schedule's and has what the config gives.
    schedule = vertex.schedule()
    for run in vertex.runs():
        assert run["scheduleName"] == schedule["name"]
        assert LABELS.items() <= run["labels"].items()
        assert run["serviceAccount"] == "trainer@sandbox.iam.gserviceaccount.com"
    assert int(schedule["startedRunCount"]) == len(vertex.runs())
