"""A task that ignores failures runs after a failed one, with the default of an input that never came."""

from kfp import dsl

CONSTRUCT = "`ignore_upstream_failure()`"
SANDBOX = "the task and what follows it run; an input that never came takes its default; the job still fails"
LOCAL = "an error, where an input of the task comes from the failed one: nothing of it runs"
VERTEX = "the task runs regardless of how its upstream tasks ended"
SOURCE = "https://kubeflow-pipelines.readthedocs.io/en/stable/source/dsl.html"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def broken() -> str:
    raise RuntimeError("no text")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str = "default"):
    with open(trace, "a") as file:
        file.write(f"{text}\n")


@dsl.pipeline(name="ignored-failures")
def pipeline(trace: str):
    failed = broken()
    ignoring = mark(trace=trace, text=failed.output).ignore_upstream_failure()
    mark(trace=trace, text="behind the one that ignores").after(ignoring)
    mark(trace=trace, text="behind the one that failed").after(failed)


RUNS = [
    {
        "trace": ["default", "behind the one that ignores"],
        "state": "FAILED",
        "tasks": {"broken": "FAILED", "mark": "SUCCEEDED", "mark-2": "SUCCEEDED", "mark-3": "NOT_TRIGGERED"},
    }
]
LOCAL_RUNS = [{"trace": [], "state": "FAILED"}]
