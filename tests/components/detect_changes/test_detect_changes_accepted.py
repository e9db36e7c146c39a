"""Which run counts as the last accepted one: runs in a sandbox, of steps that are named as the real ones."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import json, sys, time

from google.cloud import aiplatform, storage
from kfp import compiler, dsl
from kfp.dsl import Artifact, Output

from components.detect_changes import accepted
from components.detect_changes.changes import Changes, Snapshot

PLAIN = {"base_image": "earthline:0.1.0", "install_kfp_package": False}


@dsl.component(**PLAIN)
def detect_changes(content: str, changes: Output[Artifact]):
    import pathlib

    folder = pathlib.Path(changes.path)
    folder.mkdir(parents=True)
    (folder / "changes.json").write_text(content)


@dsl.component(**PLAIN)
def deploy_model():
    pass


@dsl.pipeline(name="accepted")
def workflow(content: str, deploy: bool):
    detected = detect_changes(content=content)
    with dsl.If(deploy == True):
        deploy_model().after(detected)


template = sys.argv[1] + "/accepted.yaml"
compiler.Compiler().compile(workflow, template)
client = storage.Client()
if not client.bucket("accepted-runs").exists():
    client.create_bucket("accepted-runs")
aiplatform.init(project="sandbox", location="us-central1", api_transport="rest")
jobs, found = {}, []


def run(name, seen, *, deploy, before="", workflow="accepted", content=""):
    changes = Changes(decision="retrain", reasons=("because",), accepted_run=jobs[before].job_id if before else "",
                snapshot=Snapshot(sections={"data": seen}, sources=(), bands={}))
    job = aiplatform.PipelineJob(
        display_name=name, job_id=f"accepted-{len(jobs)}", template_path=template, pipeline_root="gs://accepted-runs/root",
        parameter_values={"content": content or changes.model_dump_json(), "deploy": deploy},
        labels={"earthline-workflow": workflow})
    job.submit()
    while job.state.name != "PIPELINE_STATE_SUCCEEDED":
        assert "FAILED" not in job.state.name
        time.sleep(0.2)
    jobs[name] = job


def look():
    last = accepted.find("sandbox", "us-central1", "earthline-workflow", "accepted")
    names = {job.job_id: name for name, job in jobs.items()}
    found.append([names[last.job_id], last.snapshot.sections["data"]] if last else None)


look()
run("rejected first", "a", deploy=False)
look()
run("deployed", "b", deploy=True)
run("of another", "c", deploy=True, workflow="another")
look()
run("rejected", "d", deploy=False, before="deployed")
run("unreadable", "e", deploy=True, content="{}")
look()
run("taken from the cache", "f", deploy=True, before="deployed")
look()
jobs["deployed"].delete()
look()
print("FOUND" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(sandbox: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder: Path = tmp_path_factory.mktemp("accepted")
    # In a file, as KFP reads the source of a component.
    script = folder / "script.py"
    script.write_text(SCRIPT)
    done = sandbox.run([sys.executable, str(script), str(folder)], timeout=240, PYTHONPATH=str(ROOT))
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND"))
    content: list[Any] = json.loads(line.removeprefix("FOUND"))
    return content


def test_only_a_run_that_deployed_its_model_is_accepted(found: list[Any]) -> None:
    none_yet, rejected_only, deployed, *_ = found
    assert none_yet is None
    assert rejected_only is None
    assert deployed == ["deployed", "b"]


def test_a_run_that_was_not_accepted_leads_to_the_one_before(found: list[Any]) -> None:
    assert found[3] == ["deployed", "b"]


def test_a_deployment_that_the_cache_gave_put_nothing_into_service(found: list[Any]) -> None:
    assert found[4] == ["deployed", "b"]


def test_what_was_deleted_is_no_longer_accepted(found: list[Any]) -> None:
    assert found[5] is None
