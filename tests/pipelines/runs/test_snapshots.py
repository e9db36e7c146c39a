from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.aiplatform_v1.types import (
    Artifact,
    PipelineJob,
    PipelineJobDetail,
    PipelineState,
    PipelineTaskDetail,
    PipelineTaskExecutorDetail,
)
from google.rpc.status_pb2 import Status

from pipelines.runs.snapshots import Step, snapshot
from pipelines.runs.steps import StepSpec

START = datetime(2026, 1, 1, tzinfo=UTC)
SPECS = (StepSpec("export-examples"), StepSpec("train-model", "w-train-model"), StepSpec("predict-map"))
NAME = "projects/123456789012/locations/us-central1/pipelineJobs/w-20260101-000000-abcd"


def job(state: str, *details: PipelineTaskDetail) -> PipelineJob:
    return PipelineJob(
        name=NAME,
        display_name="w",
        state=PipelineState[f"PIPELINE_STATE_{state}"],
        create_time=START,
        job_detail=PipelineJobDetail(task_details=details),
    )


def test_a_job_without_details_has_waiting_steps() -> None:
    seen = snapshot(job("PENDING"), SPECS)
    assert (seen.job_id, seen.workflow, seen.state, seen.ended) == ("w-20260101-000000-abcd", "w", "PENDING", False)
    assert [step.name for step in seen.steps] == ["export_examples", "train_model", "predict_map"]
    assert {step.state for step in seen.steps} == {"WAITING"}


def test_a_step_tells_state_time_outputs_log_and_error() -> None:
    done = PipelineTaskDetail(
        task_name="export-examples",
        state=PipelineTaskDetail.State.SUCCEEDED,
        start_time=START,
        end_time=START + timedelta(seconds=65),
        executor_detail=PipelineTaskExecutorDetail(
            container_detail=PipelineTaskExecutorDetail.ContainerDetail(main_job="projects/1/locations/l/customJobs/42")
        ),
        outputs={"examples": PipelineTaskDetail.ArtifactList(artifacts=[Artifact(uri="gs://b/e")])},
    )
    failed = PipelineTaskDetail(
        task_name="train-model",
        state=PipelineTaskDetail.State.FAILED,
        start_time=START,
        executor_detail=PipelineTaskExecutorDetail(
            container_detail=PipelineTaskExecutorDetail.ContainerDetail(
                failed_main_jobs=["projects/1/locations/l/customJobs/1", "projects/1/locations/l/customJobs/2"]
            )
        ),
        error=Status(code=9, message="out of memory"),
    )
    group = PipelineTaskDetail(task_name="condition-1", state=PipelineTaskDetail.State.NOT_TRIGGERED)
    seen = snapshot(job("FAILED", done, failed, group), SPECS)
    first, second, third = seen.steps
    assert (first.state, first.seconds, first.job_id) == ("SUCCEEDED", 65.0, "42")
    assert first.outputs == {"examples": ("gs://b/e",)}
    assert (second.state, second.seconds, second.job_id, second.error) == ("FAILED", None, "2", "out of memory")
    assert (first.failed_jobs, second.failed_jobs) == ((), ("1", "2"))
    assert third == Step("predict_map")
    assert seen.ended


def test_a_cache_hit_is_vertex_ais_skipped() -> None:
    cached = PipelineTaskDetail(task_name="export-examples", state=PipelineTaskDetail.State.SKIPPED)
    assert snapshot(job("RUNNING", cached), SPECS).steps[0].state == "SKIPPED"


@pytest.mark.parametrize(
    ("state", "tasks", "outcome"),
    [
        ("SUCCEEDED", {"detect-changes": "SUCCEEDED", "retrain": "NOT_TRIGGERED"}, "nothing new"),
        (
            "SUCCEEDED",
            {"detect-changes": "SUCCEEDED", "train-model": "SUCCEEDED", "preview-map": "SUCCEEDED"},
            "rejected",
        ),
        (
            "SUCCEEDED",
            {"train-model": "SUCCEEDED", "evaluate-model": "SKIPPED", "deploy-model": "SUCCEEDED"},
            "accepted",
        ),
        (
            "SUCCEEDED",
            {"train-model": "SKIPPED", "evaluate-model": "SKIPPED", "deploy-model": "SUCCEEDED"},
            "accepted (cached)",
        ),
        ("FAILED", {"detect-changes": "SUCCEEDED", "deploy-model": "SUCCEEDED"}, ""),
        ("RUNNING", {"detect-changes": "SUCCEEDED"}, ""),
        ("SUCCEEDED", {"of-another-kind": "SUCCEEDED"}, ""),
    ],
)
def test_a_run_that_succeeded_tells_what_became_of_its_model(state: str, tasks: dict[str, str], outcome: str) -> None:
    details = [PipelineTaskDetail(task_name=name, state=PipelineTaskDetail.State[each]) for name, each in tasks.items()]
    assert snapshot(job(state, *details), ()).outcome == outcome
