"""What a failed task, a full disk and a bad submission say."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from tests.sandbox.vertex.small_pipelines import Jobs, details, fail, nap, say, shell, states


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


def test_a_task_that_fails_on_a_full_disk_says_so(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    @dsl.pipeline(name="full")
    def pipeline() -> None:
        fail(text="cannot write")

    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4096))
    message = details(jobs.fails(pipeline))["fail"]["error"]["message"]
    assert "status of 7. The sandbox's disk is full: 4,096 bytes are left for " in message
    assert "cannot write" in message


def test_a_full_disk_is_named(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from earthline_sandbox.vertex.pipelines import tasks

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


def test_a_text_that_kfp_builds_from_nothing_fails_the_task(jobs: Jobs) -> None:
    @dsl.pipeline(name="dangling")
    def pipeline() -> None:
        with dsl.ParallelFor([{"a": "1", "b": "p"}]) as item:
            say(text=f"{item.a}{item.b}")

    message = details(jobs.fails(pipeline))["for-loop-2-0.say"]["error"]["message"]
    assert "its input parameter 'text' is built from" in message and "has no value" in message


def test_a_template_is_refused_with_what_to_do(jobs: Jobs) -> None:
    body = {"templateUri": "https://us-central1-kfp.pkg.dev/p/r/t/latest", "runtimeConfig": {}}
    message = jobs.vertex.call("POST", "pipelineJobs", body, expect=400)["error"]["message"]
    assert "reads no template registry" in message and "Pass the compiled pipeline" in message


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
    container = {"image": "x", "args": ["--number", "3"]}
    message = refusal(lambda spec: spec["deploymentSpec"]["executors"].update({"exec-nap": {"container": container}}))
    assert "gives no command" in message and "start the sandbox with --containers" in message
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
