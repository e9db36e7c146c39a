"""Retries of a task that is a pipeline are not tried: its tasks have retries of their own, or none."""

from kfp import dsl

CONSTRUCT = "`set_retry()` on a pipeline used as a component"
SANDBOX = "no further attempt: retries belong to the tasks inside"
LOCAL = "same"
VERTEX = "not documented; a user of Vertex AI reports that nothing is retried"
SOURCE = "https://github.com/kubeflow/pipelines/issues/11288"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def attempt(trace: str):
    with open(trace, "a") as file:
        file.write("tried\n")
    raise RuntimeError("no luck")


@dsl.pipeline(name="inner")
def inner(trace: str):
    attempt(trace=trace)


@dsl.pipeline(name="retries-of-pipelines")
def pipeline(trace: str):
    inner(trace=trace).set_retry(2)


RUNS = [{"trace": ["tried"], "state": "FAILED"}]
