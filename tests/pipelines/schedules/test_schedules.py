"""The schedule of a workflow, by the real client against the sandbox: one per name, and what an update changes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.schedules.differences import between
from tests.conftest import Sandbox
from tests.pipelines import drivers

DRIVER = """
import json, sys, time
from pathlib import Path

import yaml
from google.cloud import aiplatform
from earthline.config import load
from pipelines.runs.run import Run, list_runs
from pipelines.schedules.schedules import ScheduleError, Schedules
from pipelines.submission import ActiveRunError
from tiny_pipeline import template

ACCOUNT = "environment.service_account=trainer@sandbox.iam.gserviceaccount.com"
LABELS = "environment.resource_labels={team: maps}"
schedules = Schedules("sandbox", "us-central1")
said = {}


def compiled(**defaults):
    spec = yaml.safe_load(template(**defaults))
    force = {"parameterType": "BOOLEAN", "isOptional": True, "defaultValue": False}
    spec["root"]["inputDefinitions"]["parameters"]["force"] = force
    return yaml.safe_dump(spec).encode()


def config(*settings):
    return load(Path(sys.argv[1]), ["name=scheduled", LABELS, ACCOUNT, *settings])


def create(key, *settings, caching=True, **defaults):
    plan = schedules.plan(config(*settings), compiled(**defaults), caching=caching)
    made = schedules.apply(plan)
    said[key] = {
        "differences": [[each.key, each.before, each.after] for each in plan.differences],
        "name": made.resource_name, "state": made.state, "cron": made.cron, "surplus": len(plan.surplus),
        "count": len([each for each in schedules.every() if each.workflow == "scheduled"]),
        "console": made.console,
    }


def refused(key, kind, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except kind as error:
        said[key] = str(error)


refused("no cron", ScheduleError, schedules.plan, config(), b"", caching=True)
refused("none", ScheduleError, schedules.pause, "scheduled")
create("first", "schedule.cron=0 3 1 * *", seconds=0.1)
create("same", "schedule.cron=0 3 1 * *", seconds=0.1)
refused("not paused", ScheduleError, schedules.resume, "scheduled", catch_up=False)
schedules.pause("scheduled")
create("changed", "schedule.cron=0 4 1 * *", "schedule.end=2100-01-01T00:00:00Z", seconds=0.2)
create("unset", "schedule.cron=0 4 1 * *", seconds=0.2)
said["resumed"] = schedules.resume("scheduled", catch_up=True).state

client = aiplatform.gapic.ScheduleServiceClient(
    client_options={"api_endpoint": "us-central1-aiplatform.googleapis.com"}, transport="rest")
there = client.get_schedule(name=said["unset"]["name"])
twin = type(there)(there, name="")
client.create_schedule(parent="projects/sandbox/locations/us-central1", schedule=twin)
create("twins", "schedule.cron=0 5 1 * *", caching=False, seconds=0.2)

job_id = schedules.run_now("scheduled", force=True)
refused("active", ActiveRunError, schedules.run_now, "scheduled", force=False)
*_, last = Run("sandbox", "us-central1", job_id).follow()
run = aiplatform.PipelineJob.get(job_id).gca_resource
said["run"] = {
    "state": last.state, "workflow": last.workflow, "scheduled": last.scheduled, "labels": dict(run.labels),
    "account": run.service_account, "force": run.runtime_config.parameter_values["force"],
    "steps": {step.name: step.state for step in last.steps},
}
job_id = schedules.run_now("scheduled", force=False)
*_, last = Run("sandbox", "us-central1", job_id).follow()
said["again"] = {step.name: step.state for step in last.steps}
said["deleted"] = schedules.delete("scheduled")
refused("gone", ScheduleError, schedules.delete, "scheduled")
Path("said.json").write_text(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return drivers.said(sandbox, tmp_path_factory.mktemp("work"), DRIVER)


def test_a_workflow_has_one_schedule_whatever_is_done(said: dict[str, Any]) -> None:
    assert {said[key]["count"] for key in ("first", "same", "changed", "unset", "twins")} == {1}
    assert said["first"]["name"] == said["same"]["name"] == said["changed"]["name"]
    assert said["twins"]["surplus"] == 1
    assert said["first"]["console"].startswith("https://console.cloud.google.com/vertex-ai/locations/us-central1/")
    assert said["deleted"] == 1


def test_the_difference_is_told_in_the_words_of_the_config(said: dict[str, Any]) -> None:
    assert ["schedule.cron", "", "0 3 1 * *"] in said["first"]["differences"]
    assert said["same"]["differences"] == []
    assert said["changed"]["differences"] == [
        ["schedule.cron", "0 3 1 * *", "0 4 1 * *"],
        ["schedule.end", "", "2100-01-01T00:00:00+00:00"],
        ["seconds", "0.1", "0.2"],
    ]
    assert [key for key, *_ in said["twins"]["differences"]] == ["schedule.cron", "steps of the pipeline"]


def test_a_paused_schedule_stays_paused_through_updates_and_replacement(said: dict[str, Any]) -> None:
    assert (said["changed"]["state"], said["unset"]["state"]) == ("PAUSED", "PAUSED")
    # Vertex AI takes no value away, so the schedule is made anew.
    assert said["unset"]["name"] != said["changed"]["name"]
    assert said["unset"]["differences"] == [["schedule.end", "2100-01-01T00:00:00+00:00", ""]]
    assert said["resumed"] == "ACTIVE"


def test_run_now_starts_what_the_schedule_would(said: dict[str, Any]) -> None:
    run = said["run"]
    assert (run["state"], run["workflow"], run["scheduled"]) == ("SUCCEEDED", "scheduled", False)
    assert run["labels"]["team"] == "maps"
    assert run["labels"]["earthline-workflow"] == "scheduled"
    assert run["account"] == "trainer@sandbox.iam.gserviceaccount.com"
    assert run["force"] is True
    # Without the cache, the step behind the condition runs anew as well.
    assert set(run["steps"].values()) == set(said["again"].values()) == {"SUCCEEDED"}


def test_what_does_not_go_is_refused_with_a_way_out(said: dict[str, Any]) -> None:
    assert "set `schedule.cron`" in said["no cron"]
    assert "`earthline schedule create`" in said["none"] == said["gone"]
    assert "is active: there is nothing to resume" in said["not paused"]
    assert "earthline runs follow" in said["active"]


@given(st.dictionaries(st.text(max_size=3), st.text(min_size=1)), st.dictionaries(st.text(max_size=3), st.text()))
def test_differences_lead_from_one_to_the_other(before: dict[str, str], after: dict[str, str]) -> None:
    changed = dict(before)
    for each in between(before, after):
        assert changed.get(each.key, "") == each.before != each.after
        changed[each.key] = each.after
    assert {key: value for key, value in changed.items() if value} == {key: v for key, v in after.items() if v}
