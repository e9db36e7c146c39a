"""Jobs that are cancelled, and jobs whose sandbox ends."""

import json
import subprocess
import sys
import time
from pathlib import Path

from kfp import dsl

from tests.sandbox.vertex.small_pipelines import Jobs, count, nap, say, states


def test_cancel_kills_what_runs(jobs: Jobs) -> None:
    @dsl.pipeline(name="long")
    def pipeline() -> None:
        first = nap(seconds=60.0)
        nap(seconds=0.0).after(first)

    job = jobs.submit(pipeline)
    jobs.wait(job, lambda found: "RUNNING" in str(found.get("jobDetail")))
    began = time.monotonic()
    assert jobs.vertex.call("POST", f"/v1/{job['name']}:cancel", {}) == {}
    assert jobs.get(job)["state"] in ("PIPELINE_STATE_CANCELLING", "PIPELINE_STATE_CANCELLED")
    job = jobs.wait(job)
    assert job["state"] == "PIPELINE_STATE_CANCELLED" and time.monotonic() - began < 5
    assert states(job) == {"nap": "CANCELLED", "nap-2": "CANCELLED"}
    jobs.vertex.call("POST", f"/v1/{job['name']}:cancel", {})
    assert jobs.get(job)["state"] == "PIPELINE_STATE_CANCELLED"


def test_a_job_with_ended_tasks_is_cancelled_in_a_batch_listed_and_deleted_at_once(jobs: Jobs) -> None:
    @dsl.pipeline(name="batch")
    def pipeline() -> None:
        nap(seconds=60.0).after(say(text="x"))

    call = jobs.vertex.call
    job = jobs.submit(pipeline)
    jobs.wait(job, lambda found: "jobDetail" in found and states(found).get("nap") == "RUNNING")
    listed = call("GET", 'pipelineJobs?filter=job_detail:"say"')
    assert [found["name"] for found in listed.get("pipelineJobs", [])] in ([], [job["name"]])
    operation = call("POST", "pipelineJobs:batchCancel", {"names": [job["name"]]})
    assert operation["done"]
    answer = call("GET", f"/v1/{operation['name']}")["response"]["pipelineJobs"][0]
    assert states(answer)["say"] == "SUCCEEDED"
    # At once: its thread may still be there.
    jobs.wait(job)
    assert call("DELETE", f"/v1/{job['name']}")["done"]
    call("GET", f"/v1/{job['name']}", expect=404)


def test_a_stopped_sandbox_fails_the_job_and_a_new_run_resumes(jobs: Jobs, tmp_path: Path) -> None:
    @dsl.pipeline(name="resume")
    def pipeline(folder: str, seconds: float) -> None:
        nap(seconds=seconds).after(count(folder=folder, good=1))

    (jobs.storage / "bucket").mkdir(exist_ok=True)
    job = jobs.submit(pipeline, folder=str(tmp_path), seconds=60.0)
    jobs.wait(job, lambda found: states(found).get("nap") == "RUNNING" if "jobDetail" in found else False)
    jobs.vertex.stop()
    jobs.vertex.start()
    job = jobs.get(job)
    assert job["state"] == "PIPELINE_STATE_FAILED"
    assert "sandbox stopped while running" in job["error"]["message"]
    assert states(job)["count"] == "SUCCEEDED" and states(job)["nap"] != "RUNNING"
    job = jobs.run(pipeline, folder=str(tmp_path), seconds=0.0)
    assert states(job)["count"] == "SKIPPED"
    assert (tmp_path / "runs").read_text() == "x\n"


def test_a_killed_sandbox_leaves_a_readable_state(jobs: Jobs, tmp_path: Path) -> None:
    @dsl.pipeline(name="killed")
    def pipeline(folder: str) -> None:
        nap(seconds=60.0).after(count(folder=folder, good=1))

    home, body = jobs.vertex.home, {
        "pipelineSpec": jobs.compile(pipeline),
        "runtimeConfig": {"gcsOutputDirectory": "gs://bucket/root", "parameterValues": {"folder": str(tmp_path)}},
    }  # fmt: skip
    jobs.vertex.stop()
    script = """
import asyncio, json, os, signal, sys, time
from pathlib import Path
import httpx
from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex import service

async def main(home, body):
    vertex = service.build(Settings(Home(Path(home)), 1))
    await vertex.start()
    base = "http://x/v1/projects/sandbox/locations/us-central1"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=vertex.app), base_url=base) as client:
        answer = await client.post("/pipelineJobs?pipelineJobId=killed", json=body)
        assert answer.status_code == 200, answer.text
        job = {}
        while [task["state"] for task in job.get("jobDetail", {}).get("taskDetails", [])] != ["SUCCEEDED", "RUNNING"]:
            await asyncio.sleep(0.02)
            job = (await client.get("/pipelineJobs/killed")).json()
        await asyncio.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(sys.argv[1], json.load(sys.stdin)))
"""
    killed = subprocess.run([sys.executable, "-c", script, str(home)], input=json.dumps(body), text=True, timeout=60)
    assert killed.returncode == -9
    jobs.vertex.start()
    job = jobs.vertex.call("GET", "pipelineJobs/killed")
    assert job["state"] == "PIPELINE_STATE_FAILED" and "sandbox stopped while running" in job["error"]["message"]
    assert states(job) == {"count": "SUCCEEDED", "nap": "FAILED"}
    assert jobs.vertex.service.busy() is False
