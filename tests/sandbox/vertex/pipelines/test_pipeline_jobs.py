"""Pipelines compiled by the installed KFP, run by the interpreter through the service's own routes."""

import json
import os
from typing import Any

from kfp import dsl

from tests.sandbox.vertex.small_pipelines import PLAIN, Jobs, add, details, fail, make, nap, output, say, use


def test_parameters_of_every_type_and_artifacts_by_reference(jobs: Jobs) -> None:
    @dsl.pipeline(name="all-types")
    def pipeline(n: int, ratio: float = 0.25, names: list = [1, 2], table: dict = {"k": 1.5}) -> None:  # noqa: B006
        total = add(a=n)
        made = make(
            options={"deep": [total.output, "x"]}, items=names, text=f"job {dsl.PIPELINE_JOB_NAME_PLACEHOLDER}",
            flag=True, scale=ratio,
        )  # fmt: skip
        use(data=made.outputs["data"])

    job = jobs.run(pipeline, n=3)
    job_id = job["name"].rpartition("/")[2]
    assert job["labels"]["team"] == "maps"
    assert output(job, "add") == 5
    assert (output(job, "make", "mean"), output(job, "make", "accepted")) == (0.5, False)
    made = details(job)["make"]
    artifact = made["outputs"]["data"]["artifacts"][0]
    assert artifact["uri"] == f"gs://bucket/root/123456789012/{job_id}/make_{made['taskId']}/data"
    assert artifact["schemaTitle"] == "system.Dataset"
    assert artifact["metadata"] == {"count": 2}
    local = jobs.storage / artifact["uri"].removeprefix("gs://")
    text = json.dumps([{"deep": ["5", "x"]}, [1, 2], f"job {job_id}", True, 0.25])
    assert local.read_text() == text
    assert output(job, "use") == f"{text}|{local}|2"
    used = details(job)["use"]
    assert used["inputs"]["data"]["artifacts"][0]["name"] == artifact["name"]
    report = used["outputs"]["report"]["artifacts"][0]["uri"].removeprefix("gs://")
    assert (jobs.storage / report).read_text() == artifact["uri"]
    assert used["startTime"] >= made["endTime"] >= made["startTime"] >= made["createTime"]
    folder = jobs.vertex.home / "vertex" / "jobs" / job_id / "use"
    assert json.loads((folder / "executor_input.json").read_text())["inputs"]["artifacts"]["data"]
    assert "KFP Executor" in (folder / "log.txt").read_text()


def test_a_pipeline_takes_the_artifact_of_an_earlier_job(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def write(data: dsl.Output[dsl.Dataset]) -> None:
        with open(data.path, "w") as file:
            file.write("rows")
        data.metadata["count"] = 4

    @dsl.pipeline(name="maker")
    def maker() -> None:
        write()

    @dsl.pipeline(name="taker")
    def taker(data: dsl.Input[dsl.Dataset]) -> None:
        use(data=data)

    made = details(jobs.run(maker))["write"]["outputs"]["data"]["artifacts"][0]
    spec = jobs.compile(taker)

    def submit(given: dict[str, Any], expect: int) -> dict[str, Any]:
        config = {"gcsOutputDirectory": "gs://bucket/root", "inputArtifacts": given}
        body = {"pipelineSpec": spec, "runtimeConfig": config}
        answer: dict[str, Any] = jobs.vertex.call("POST", "pipelineJobs", body, expect=expect)
        return answer

    number = made["name"].rpartition("/")[2]
    job = jobs.wait(submit({"data": {"artifactId": number}}, 200))
    assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job.get("error")
    assert details(job)["use"]["inputs"]["data"]["artifacts"][0]["name"] == made["name"]
    assert output(job, "use").startswith("rows|") and output(job, "use").endswith("|4")
    assert "input artifact 'data' (system.Dataset)" in submit({}, 400)["error"]["message"]
    assert "no input artifact 'other'" in submit({"other": {"artifactId": number}}, 400)["error"]["message"]
    assert "artifacts/17 does not exist" in submit({"data": {"artifactId": "17"}}, 404)["error"]["message"]


def test_list_filter_pages_and_delete(jobs: Jobs) -> None:
    @dsl.pipeline(name="quick")
    def pipeline() -> None:
        nap(seconds=0.0)

    spec = jobs.compile(pipeline)
    made = [jobs.wait(jobs.submit(dict(spec), job_id=f"job-{index}")) for index in range(3)]
    call = jobs.vertex.call
    assert [job["name"] for job in call("GET", "pipelineJobs")["pipelineJobs"]] == [job["name"] for job in made[::-1]]
    page = call("GET", "pipelineJobs?pageSize=2")
    rest = call("GET", f"pipelineJobs?pageSize=2&pageToken={page['nextPageToken']}")
    assert [len(page["pipelineJobs"]), len(rest["pipelineJobs"])] == [2, 1] and "nextPageToken" not in rest
    chosen = call("GET", 'pipelineJobs?filter=labels.team="maps" AND state="PIPELINE_STATE_SUCCEEDED"&readMask=name')
    assert len(chosen["pipelineJobs"]) == 3 and all(set(job) == {"name"} for job in chosen["pipelineJobs"])
    assert call("GET", 'pipelineJobs?filter=display_name="other"')["pipelineJobs"] == []
    taken = jobs.submit(dict(spec), expect=409, job_id="job-0")
    assert taken["error"]["status"] == "ALREADY_EXISTS"
    operation = call("DELETE", "pipelineJobs/job-0")
    assert operation["done"] and call("GET", f"/v1/{operation['name']}")["done"]
    call("GET", "pipelineJobs/job-0", expect=404)
    assert not os.path.exists(jobs.vertex.home / "vertex" / "jobs" / "job-0")
    names = [job["name"] for job in made[1:]]
    assert call("POST", "pipelineJobs:batchDelete", {"names": names})["done"]
    assert call("GET", "pipelineJobs")["pipelineJobs"] == []


def test_logs_of_a_task_through_cloud_logging(jobs: Jobs) -> None:
    @dsl.pipeline(name="logs")
    def pipeline() -> None:
        say(text="one").set_display_name("Say it")

    job = jobs.run(pipeline)
    task = details(job)["say"]
    assert task["taskName"] == "Say it"
    number = task["executorDetail"]["containerDetail"]["mainJob"].rpartition("/")[2]
    query = {
        "resourceNames": ["projects/sandbox"],
        "filter": f'resource.type="ml_job" AND resource.labels.job_id="{number}" severity>=DEFAULT',
        "orderBy": "timestamp asc",
    }
    entries = jobs.vertex.call("POST", "/v2/entries:list", query)["entries"]
    assert [entry["jsonPayload"]["message"] for entry in entries] == ["said one"]
    assert entries == jobs.vertex.call("POST", "/v2/entries:list", query)["entries"]
    later = query | {"filter": f'{query["filter"]} timestamp>"{entries[-1]["timestamp"]}"'}
    assert jobs.vertex.call("POST", "/v2/entries:list", later)["entries"] == []
    jobs.vertex.call("POST", "/v2/entries:list", query | {"filter": "(("}, expect=400)


def test_the_messages_are_those_of_the_published_api(jobs: Jobs) -> None:
    from google.cloud.aiplatform_v1.types import PipelineJob
    from google.protobuf import json_format

    @dsl.pipeline(name="proto")
    def pipeline() -> None:
        say(text="one")
        fail(text="x")

    job = PipelineJob.pb()()
    json_format.ParseDict(jobs.fails(pipeline), job)
    assert {task.task_name for task in job.job_detail.task_details} == {"say", "fail"}
    assert job.error.code == 9
