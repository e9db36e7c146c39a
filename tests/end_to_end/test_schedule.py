"""A workflow that runs again by itself: every minute, with news and without."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from .conftest import Laptop

TINY = (
    "name=retrained",
    "train.epochs=1",
    "evaluate.baseline_trees=10",
    "export.examples={train: 60, validation: 20, test: 20}",
    "environment.resource_labels={team: maps}",
    "environment.service_account=trainer@sandbox.iam.gserviceaccount.com",
    "schedule.cron='* * * * *'",
)
LABELS = {"team": "maps", "earthline-workflow": "retrained"}


def settings(*more: str) -> list[str]:
    return [word for setting in (*TINY, *more) for word in ("--set", setting)]


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

    def runs(self) -> list[dict[str, Any]]:
        """Runs of the workflow, oldest first."""
        found = self.get("/pipelineJobs", filter='labels.earthline-workflow="retrained"', orderBy="create_time")
        runs: list[dict[str, Any]] = found["pipelineJobs"]
        return runs

    def ended(self, count: int, seconds: float = 900) -> list[dict[str, Any]]:
        """The runs, once so many have ended."""
        deadline = time.monotonic() + seconds
        while len(ended := [run for run in self.runs() if "endTime" in run]) < count:
            assert time.monotonic() < deadline, [run["state"] for run in self.runs()]
            time.sleep(1)
        return ended


def steps(run: dict[str, Any]) -> dict[str, str]:
    return {task["taskName"]: task["state"] for task in run["jobDetail"]["taskDetails"]}


@pytest.fixture
def vertex(laptop: Laptop, quickstart: str) -> Iterator[Vertex]:
    laptop.earthline("schedule", "create", quickstart, *settings("evaluate.min_gain=-1"))
    asked = Vertex(laptop)
    yield asked
    asked.close()
    laptop.earthline("schedule", "delete", quickstart, "--set", "name=retrained", code=None)


@pytest.mark.long
def test_a_schedule_retrains_on_news_and_promotes_what_is_better(
    laptop: Laptop, quickstart: str, vertex: Vertex
) -> None:
    # It has never run: it retrains, and with the gate wide open the model is deployed.
    (first,) = vertex.ended(1)[:1]
    assert first["state"] == "PIPELINE_STATE_SUCCEEDED", first.get("error")
    assert steps(first)["deploy-model"] == "SUCCEEDED"

    # A minute later nothing is new: a success in seconds, in which nothing else ran.
    second = vertex.ended(2)[1]
    assert second["state"] == "PIPELINE_STATE_SUCCEEDED"
    assert {name for name, state in steps(second).items() if state == "SUCCEEDED"} == {"check-news"}

    # Another seed is news. The difference is shown, and there is still one schedule.
    output = laptop.earthline("schedule", "create", quickstart, *settings("evaluate.min_gain=0", "train.seed=1"))
    assert "train.seed: 0 -> 1" in output
    assert "evaluate.min_gain: -1" in output
    job_id = next_retraining(vertex, second["name"])
    output = laptop.earthline("schedule", "pause", quickstart, "--set", "name=retrained")
    assert "paused" in output
    shown = laptop.earthline("runs", "follow", job_id)
    assert "retrained: the config changed since" in shown
    evaluation = json.loads((laptop.folder / "runs" / job_id / "evaluation.json").read_text())
    assert evaluation["gate"]["compared_with"] != "baseline"
    better = evaluation["gate"]["gain"] >= 0
    assert evaluation["gate"]["blessed"] is better
    third = vertex.get(f"/pipelineJobs/{job_id}")
    assert (steps(third).get("deploy-model") == "SUCCEEDED") is better
    (endpoint,) = vertex.get("/endpoints", filter='display_name="retrained"')["endpoints"]
    (serving,) = [each for each in endpoint["deployedModels"] if endpoint["trafficSplit"].get(each["id"]) == 100]
    assert serving["modelVersionId"] == ("2" if better else "1")

    # Every run is the schedule's and has what the config gives.
    (schedule,) = vertex.get("/schedules", filter='display_name="retrained"')["schedules"]
    for run in vertex.runs():
        assert run["scheduleName"] == schedule["name"]
        assert LABELS.items() <= run["labels"].items()
        assert run["serviceAccount"] == "trainer@sandbox.iam.gserviceaccount.com"
    assert int(schedule["startedRunCount"]) == len(vertex.runs())


def next_retraining(vertex: Vertex, after: str) -> str:
    """Id of the first run after another that finds news."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        names = [run["name"] for run in vertex.runs()]
        for run in vertex.runs()[names.index(after) + 1 :]:
            if steps(run).get("export-examples"):
                job_id: str = run["name"].rpartition("/")[2]
                return job_id
        time.sleep(1)
    raise AssertionError("no run retrained")
