"""Pipelines compiled by the installed KFP, run by the interpreter through the service's own routes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from kfp import compiler, dsl

PLAIN: dict[str, Any] = {"base_image": "earthline:0.1.0", "install_kfp_package": False}
ENDED = ("PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED")


@dsl.component(**PLAIN)
def add(a: int, b: int = 2) -> int:
    return a + b


@dsl.component(**PLAIN)
def make(data: dsl.Output[dsl.Dataset], options: dict, items: list, text: str, flag: bool, scale: float) -> NamedTuple(
    "Made", [("mean", float), ("accepted", bool)]
):  # type: ignore[valid-type]  # KFP's own form
    import json

    with open(data.path, "w") as file:
        json.dump([options, items, text, flag, scale], file)
    data.metadata["count"] = len(items)
    return (scale * 2, not flag)


@dsl.component(**PLAIN)
def use(data: dsl.Input[dsl.Dataset], report: dsl.Output[dsl.Markdown]) -> str:
    with open(report.path, "w") as file:
        file.write(data.uri)
    with open(data.path) as file:
        return file.read() + "|" + data.path + "|" + str(data.metadata["count"])


def shell(script: str, *words: Any) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image="any", command=["sh", "-ec", script, "sh"], args=list(words))


@dsl.container_component
def nap(seconds: float):  # type: ignore[no-untyped-def]  # KFP wants no annotation here
    return shell('sleep "$1"', seconds)


@dsl.container_component
def fail(text: str):  # type: ignore[no-untyped-def]
    return shell('echo "about to stop"; echo "$1" >&2; exit 7', text)


@dsl.container_component
def say(text: str, said: dsl.OutputPath(str)):  # type: ignore[no-untyped-def, valid-type]
    return shell('mkdir -p "$(dirname "$2")"; printf %s "$1" > "$2"; echo "said $1"', text, said)


@dsl.container_component
def count(folder: str, good: int, result: dsl.OutputPath(int)):  # type: ignore[no-untyped-def, valid-type]
    """Fails until it was run `good` times."""
    script = 'echo x >> "$1/runs"; n=$(wc -l < "$1/runs"); [ "$n" -ge "$2" ]; printf %s "$n" > "$3"'
    return shell(script, folder, good, result)


@dsl.container_component
def copy(data: dsl.Input[dsl.Artifact], marks: str, out: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]
    return shell('echo x >> "$2"; cp "$1" "$3"', data.path, marks, out.path)


class Jobs:
    """Submits pipelines to a service and waits for them."""

    def __init__(self, vertex: Any) -> None:
        self.vertex = vertex
        self.storage = vertex.home / "storage"
        (self.storage / "bucket").mkdir(parents=True)

    def compile(self, pipeline: Any) -> dict[str, Any]:
        path = self.vertex.home / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(path))
        return next(yaml.safe_load_all(path.read_text()))  # type: ignore[no-any-return]

    def submit(self, pipeline: Any, expect: int = 200, job_id: str = "", **parameters: Any) -> dict[str, Any]:
        spec = pipeline if isinstance(pipeline, dict) else self.compile(pipeline)
        config = {"gcsOutputDirectory": "gs://bucket/root", "parameterValues": parameters}
        if policy := spec.pop("policy", None):
            config["failurePolicy"] = policy
        query = f"?pipelineJobId={job_id}" if job_id else ""
        body = {"displayName": "test", "pipelineSpec": spec, "runtimeConfig": config, "labels": {"team": "maps"}}
        job: dict[str, Any] = self.vertex.call("POST", f"pipelineJobs{query}", body, expect=expect)
        return job

    def get(self, job: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.vertex.call("GET", f"/v1/{job['name']}")
        return found

    def wait(self, job: dict[str, Any], until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.get(job)
            if until(found) if until else found["state"] in ENDED:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{job['name']} did not get there: {found}")

    def run(self, pipeline: Any, **parameters: Any) -> dict[str, Any]:
        job = self.wait(self.submit(pipeline, **parameters))
        assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job.get("error")
        return job

    def fails(self, pipeline: Any, **parameters: Any) -> dict[str, Any]:
        job = self.wait(self.submit(pipeline, **parameters))
        assert job["state"] == "PIPELINE_STATE_FAILED"
        return job


@pytest.fixture
def jobs(vertex: Any) -> Jobs:
    return Jobs(vertex)


def details(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["taskUniqueName"]: task for task in job["jobDetail"]["taskDetails"]}


def states(job: dict[str, Any]) -> dict[str, str]:
    return {name: task["state"] for name, task in details(job).items()}


def output(job: dict[str, Any], task: str, name: str = "Output") -> Any:
    return details(job)[task]["execution"]["metadata"][f"output:{name}"]


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


def test_independent_tasks_overlap(jobs: Jobs) -> None:
    @dsl.pipeline(name="parallel")
    def pipeline() -> None:
        for _ in range(3):
            nap(seconds=1.0)

    began = time.monotonic()
    job = jobs.run(pipeline)
    assert time.monotonic() - began < 2
    times = [(task["startTime"], task["endTime"]) for task in details(job).values()]
    assert max(start for start, _ in times) < min(end for _, end in times)


def test_conditions_trigger_one_branch_and_one_of_takes_its_output(jobs: Jobs) -> None:
    @dsl.pipeline(name="branches")
    def pipeline(n: int) -> None:
        total = add(a=n)
        with dsl.If(total.output == 3):
            first = say(text="three")
        with dsl.Elif(total.output > 3):
            second = say(text="more")
        with dsl.Else():
            third = say(text="less")
        say(text=dsl.OneOf(first.outputs["said"], second.outputs["said"], third.outputs["said"]))
        with dsl.If(total.output == 100):
            never = fail(text="not to be run")
            nap(seconds=0.0).after(never)

    for n, text in ((1, "three"), (5, "more"), (0, "less")):
        job = jobs.run(pipeline, n=n)
        assert output(job, "say-4", "said") == text
        found = states(job)
        assert found["condition-5"] == "NOT_TRIGGERED"
        assert not any(name.startswith("condition-5.") for name in found)
        assert sorted(found[f"condition-branches-1.condition-{i}"] for i in (2, 3, 4)) == [
            "NOT_TRIGGERED", "NOT_TRIGGERED", "SUCCEEDED",
        ]  # fmt: skip


def test_loops_nested_pipelines_and_collected(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def total(values: list) -> int:
        return sum(values)

    @dsl.pipeline(name="inner")
    def inner(a: int) -> int:
        return add(a=a, b=10).output

    @dsl.pipeline(name="loops")
    def pipeline(names: list = [1, 2, 3]) -> None:  # noqa: B006
        with dsl.ParallelFor(names, parallelism=1) as item:
            more = inner(a=item)
        total(values=dsl.Collected(more.output))
        with dsl.ParallelFor([{"a": 1, "b": 2}, {"a": 3, "b": 4}]) as item:
            add(a=item.a, b=item.b)

    job = jobs.run(pipeline)
    assert output(job, "total") == 36
    naps = [details(job)[f"for-loop-1-{i}"] for i in range(3)]
    assert naps[0]["endTime"] <= naps[1]["createTime"] and naps[1]["endTime"] <= naps[2]["createTime"]
    sums = [
        task["execution"]["metadata"]["output:Output"] for name, task in details(job).items() if name.endswith(".add")
    ]
    assert sorted(sums) == [3, 7, 11, 12, 13]
    empty = jobs.run(pipeline, names=[])
    assert output(empty, "total") == 0


def test_a_retry_succeeds_on_the_second_attempt(jobs: Jobs, tmp_path: Path) -> None:
    @dsl.pipeline(name="retry")
    def pipeline(folder: str) -> None:
        count(folder=folder, good=2).set_retry(3, backoff_duration="0s")

    job = jobs.run(pipeline, folder=str(tmp_path))
    assert output(job, "count", "result") == 2
    task = details(job)["count"]
    assert [status["state"] for status in task["pipelineTaskStatus"]] == ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]
    container = task["executorDetail"]["containerDetail"]
    assert len(container["failedMainJobs"]) == 1 and container["failedMainJobs"][0] != container["mainJob"]


def test_back_off_grows_and_is_bounded() -> None:
    from sandbox.vertex.specification import Retry

    assert [Retry(5, 10, 2, 35).wait(attempt) for attempt in range(4)] == [10, 20, 35, 35]
    assert Retry(5, 10, 2, 35).wait(10_000) == 35


def test_cache_hit_invalidation_and_lost_objects(jobs: Jobs, tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    @dsl.pipeline(name="cache")
    def pipeline(marks: str) -> None:
        data = dsl.importer(artifact_uri="gs://bucket/data.txt", artifact_class=dsl.Artifact, reimport=False)
        first = copy(data=data.output, marks=marks)
        copy(data=first.outputs["out"], marks=marks)

    def runs() -> int:
        return len(marks.read_text().splitlines())

    source = jobs.storage / "bucket" / "data.txt"
    source.write_text("one")
    first = jobs.run(pipeline, marks=str(marks))
    assert (runs(), states(first)["copy"]) == (2, "SUCCEEDED")
    second = jobs.run(pipeline, marks=str(marks))
    assert runs() == 2
    task = details(second)["copy"]
    assert (task["state"], task["execution"]["state"]) == ("SKIPPED", "CACHED")
    assert (
        task["outputs"]["out"]["artifacts"][0]["uri"] == details(first)["copy"]["outputs"]["out"]["artifacts"][0]["uri"]
    )
    assert "startTime" not in task or task["endTime"] >= task["startTime"]

    source.write_text("two")
    third = jobs.run(pipeline, marks=str(marks))
    assert runs() == 4

    lost = details(third)["copy-2"]["outputs"]["out"]["artifacts"][0]["uri"]
    (jobs.storage / lost.removeprefix("gs://")).unlink()
    fourth = jobs.run(pipeline, marks=str(marks))
    assert (runs(), states(fourth)["copy"], states(fourth)["copy-2"]) == (5, "SKIPPED", "SUCCEEDED")

    spec = jobs.compile(pipeline)
    for task in spec["root"]["dag"]["tasks"].values():
        task["cachingOptions"] = {}
    jobs.run(spec, marks=str(marks))
    assert runs() == 7
    spec = jobs.compile(pipeline)
    spec["deploymentSpec"]["executors"]["exec-copy-2"]["container"]["image"] = "another"
    jobs.run(spec, marks=str(marks))
    assert runs() == 8


def test_pipelines_of_another_name_share_no_results(jobs: Jobs, tmp_path: Path) -> None:
    @dsl.pipeline(name="one-name")
    def pipeline(folder: str) -> None:
        count(folder=folder, good=1).set_caching_options(True, cache_key="mine")
        count(folder=folder, good=0)

    spec = jobs.compile(pipeline)
    other = jobs.compile(pipeline)
    other["pipelineInfo"]["name"] = "other-name"
    jobs.run(dict(spec), folder=str(tmp_path))
    assert set(states(jobs.run(dict(other), folder=str(tmp_path))).values()) == {"SUCCEEDED"}
    assert set(states(jobs.run(dict(spec), folder=str(tmp_path))).values()) == {"SKIPPED"}


def test_failure_shows_the_end_of_the_log_and_stops_what_follows(jobs: Jobs) -> None:
    @dsl.pipeline(name="failing")
    def pipeline() -> None:
        failed = fail(text="no such band: B13")
        nap(seconds=0.0).after(failed)
        nap(seconds=0.3)

    job = jobs.fails(pipeline)
    assert states(job) == {"fail": "FAILED", "nap": "NOT_TRIGGERED", "nap-2": "SUCCEEDED"}
    message = details(job)["fail"]["error"]["message"]
    assert "exited with a non-zero status of 7" in message
    assert "about to stop\nno such band: B13" in message
    log = Path(message.rpartition("Whole log: ")[2])
    assert log.read_text() == "about to stop\nno such band: B13\n"
    assert "The failed tasks are: [fail]" in job["error"]["message"]
    assert "no such band: B13" in job["error"]["message"]


def test_fail_fast_begins_nothing_more(jobs: Jobs) -> None:
    @dsl.pipeline(name="policy")
    def pipeline() -> None:
        fail(text="x")
        first = nap(seconds=0.5).set_caching_options(False)
        nap(seconds=0.0).after(first).set_caching_options(False)

    assert states(jobs.fails(pipeline))["nap-2"] == "SUCCEEDED"
    spec = jobs.compile(pipeline) | {"policy": "PIPELINE_FAILURE_POLICY_FAIL_FAST"}
    assert states(jobs.fails(spec)) == {"fail": "FAILED", "nap": "SUCCEEDED", "nap-2": "NOT_TRIGGERED"}


def test_exit_handlers_and_tasks_that_ignore_failures_run(jobs: Jobs) -> None:
    @dsl.component(**PLAIN)
    def farewell(status: dsl.PipelineTaskFinalStatus) -> str:
        return f"{status.state} {status.pipeline_task_name} {status.error_message}"

    @dsl.pipeline(name="exit")
    def pipeline() -> None:
        with dsl.ExitHandler(farewell()):
            fail(text="boom")

    job = jobs.fails(pipeline)
    assert states(job)["farewell"] == "SUCCEEDED"
    text = output(job, "farewell")
    assert text.startswith("FAILED exit-handler-1 ") and "boom" in text

    @dsl.component(**PLAIN)
    def broken() -> int:
        raise RuntimeError("no number")

    @dsl.pipeline(name="ignore")
    def ignoring() -> None:
        add(a=1, b=broken().output).ignore_upstream_failure()

    job = jobs.fails(ignoring)
    assert output(job, "add") == 3


def test_missing_outputs_and_missing_programs_fail_with_the_reason(jobs: Jobs) -> None:
    @dsl.container_component
    def silent(said: dsl.OutputPath(str)):  # type: ignore[no-untyped-def, valid-type]
        return shell("true", said)

    @dsl.container_component
    def wrong(said: dsl.OutputPath(int)):  # type: ignore[no-untyped-def, valid-type]
        return shell('printf seven > "$1"', said)

    @dsl.container_component
    def absent():  # type: ignore[no-untyped-def]
        return dsl.ContainerSpec(image="any", command=["no-such-program"])

    @dsl.pipeline(name="bad-steps")
    def pipeline() -> None:
        silent()
        wrong()
        absent()

    job = jobs.fails(pipeline)
    messages = {name: task["error"]["message"] for name, task in details(job).items()}
    assert "without writing its output parameter 'said' (STRING)" in messages["silent"]
    assert "must be a NUMBER_INTEGER, but its file holds 'seven'" in messages["wrong"]
    assert "the program 'no-such-program' was not found" in messages["absent"]


def test_a_full_disk_is_named(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from sandbox.vertex import tasks

    @dsl.pipeline(name="full")
    def pipeline() -> None:
        nap(seconds=0.0)

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tasks.LeafTask, "_output_slots", full)
    assert "the disk is full" in details(jobs.fails(pipeline))["nap"]["error"]["message"]


def test_a_locked_root_fails_the_task_that_cannot_write(jobs: Jobs) -> None:
    @dsl.pipeline(name="locked")
    def pipeline() -> None:
        say(text="x")

    (jobs.storage / "bucket" / "root").write_text("a file where a folder must be")
    refusal = jobs.submit(pipeline, expect=400)
    assert "gs://bucket/root" in refusal["error"]["message"] and "is a file" in refusal["error"]["message"]


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
from sandbox.settings import Home, Settings
from sandbox.vertex import service

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


def test_a_text_that_kfp_builds_from_nothing_fails_the_task(jobs: Jobs) -> None:
    @dsl.pipeline(name="dangling")
    def pipeline() -> None:
        with dsl.ParallelFor([{"a": "1", "b": "p"}]) as item:
            say(text=f"{item.a}{item.b}")

    message = details(jobs.fails(pipeline))["for-loop-2-0.say"]["error"]["message"]
    assert "its input parameter 'text' is built from" in message and "has no value" in message


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


def test_a_template_is_refused_with_what_to_do(jobs: Jobs) -> None:
    body = {"templateUri": "https://us-central1-kfp.pkg.dev/p/r/t/latest", "runtimeConfig": {}}
    message = jobs.vertex.call("POST", "pipelineJobs", body, expect=400)["error"]["message"]
    assert "reads no template registry" in message and "Pass the compiled pipeline" in message


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


def test_bad_submissions_are_refused_by_name(jobs: Jobs) -> None:
    @dsl.pipeline(name="picky")
    def pipeline(n: int) -> None:
        with dsl.If(n == 3):
            nap(seconds=0.0)

    def refusal(change: Callable[[dict[str, Any]], Any] = lambda spec: None, **options: Any) -> str:
        spec = jobs.compile(pipeline)
        change(spec)
        answer = jobs.submit(spec, expect=400, **({"n": 1} | options))
        assert answer["error"]["status"] == "INVALID_ARGUMENT"
        return str(answer["error"]["message"])

    def task(spec: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = spec["root"]["dag"]["tasks"]["condition-1"]
        return found

    assert "no input parameter 'm'; it has: n" in refusal(m=1)
    assert "'n' must be a NUMBER_INTEGER, but is 'x'" in refusal(n="x")
    assert "needs the input parameter 'n'" in refusal(n=None)
    assert "pipelineJobId 'Not OK' is not valid" in refusal(job_id="Not OK")
    assert "pipelineInfo.name" in refusal(lambda spec: spec.pop("pipelineInfo"))
    assert "condition-1" in refusal(lambda spec: task(spec)["triggerPolicy"].update(condition="exit()"))
    assert "'gone', which is not there" in refusal(lambda spec: task(spec).update(dependentTasks=["gone"]))
    assert "wait for each other" in refusal(lambda spec: task(spec).update(dependentTasks=["condition-1"]))
    assert "no field named" in refusal(lambda spec: task(spec).update(surprise=1))
    executor = {"resolver": {"outputArtifactQueries": {}}}
    message = refusal(lambda spec: spec["deploymentSpec"]["executors"].update({"exec-nap": executor}))
    assert "resolver executor, which the sandbox does not run" in message
    container = {"image": "x", "command": ["sh"], "args": ["{{$.workspace_path}}"]}
    message = refusal(lambda spec: spec["deploymentSpec"]["executors"].update({"exec-nap": {"container": container}}))
    assert "{{$.workspace_path}}" in message
    escaping = {"../../../escape": {"componentRef": {"name": "comp-condition-1"}}}
    assert "'../../../escape' is not valid" in refusal(lambda spec: spec["root"]["dag"]["tasks"].update(escaping))
    body = {"pipelineSpec": jobs.compile(pipeline), "runtimeConfig": {"parameterValues": {"n": 1}}}
    assert "pipeline_root" in jobs.vertex.call("POST", "pipelineJobs", body, expect=400)["error"]["message"]
    body["runtimeConfig"]["gcsOutputDirectory"] = "gs://missing/root"
    assert (
        "'missing', which does not exist"
        in jobs.vertex.call("POST", "pipelineJobs", body, expect=400)["error"]["message"]
    )
    body["runtimeConfig"]["gcsOutputDirectory"] = "gs://bucket/../../x"
    jobs.vertex.call("POST", "pipelineJobs", body, expect=400)
    unknown = jobs.vertex.call("POST", "pipelineJobs", body | {"colour": "red"}, expect=400)
    assert 'Unknown name "colour"' in unknown["error"]["message"]


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
