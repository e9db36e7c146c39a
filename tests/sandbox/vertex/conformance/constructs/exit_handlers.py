"""The exit task runs however the tasks inside ended, and is told how."""

from kfp import dsl

CONSTRUCT = "`dsl.ExitHandler`, `dsl.PipelineTaskFinalStatus`"
SANDBOX = "runs in any case, with state, job name and error; a failure inside still fails the job"
LOCAL = "same"
VERTEX = "the exit task runs when the pipeline exits, with its final status"
SOURCE = "https://cloud.google.com/vertex-ai/docs/pipelines/email-notifications"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def work(trace: str, fails: bool):
    with open(trace, "a") as file:
        file.write("work\n")
    if fails:
        raise RuntimeError("no such band")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str):
    with open(trace, "a") as file:
        file.write(f"{text}\n")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def farewell(trace: str, status: dsl.PipelineTaskFinalStatus):
    with open(trace, "a") as file:
        file.write(f"farewell {status.state} {status.pipeline_task_name} {bool(status.error_message)}\n")


@dsl.pipeline(name="exit-handlers")
def pipeline(trace: str, fails: bool):
    with dsl.ExitHandler(farewell(trace=trace)):
        worked = work(trace=trace, fails=fails)
        mark(trace=trace, text="after").after(worked)


RUNS = [
    {"arguments": {"fails": False}, "trace": ["work", "after", "farewell SUCCEEDED exit-handler-1 False"]},
    {
        "arguments": {"fails": True},
        "trace": ["work", "farewell FAILED exit-handler-1 True"],
        "state": "FAILED",
        "tasks": {"exit-handler-1.mark": "NOT_TRIGGERED", "exit-handler-1": "FAILED", "farewell": "SUCCEEDED"},
    },
]
