"""An optional input that nobody gives is absent: the function's own default holds."""

from typing import Optional

from kfp import dsl

CONSTRUCT = "`Optional` inputs"
SANDBOX = "absent where nobody gives a value, and None in Python"
LOCAL = "a pipeline's input that nobody gives is an error (`Unknown value type`)"
VERTEX = "as KFP describes it"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/data-handling/parameters/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(
    trace: str,
    n: Optional[int] = None,  # noqa: UP045  # kfp reads the annotation
    text: Optional[str] = None,  # noqa: UP045
    data: dsl.Input[dsl.Dataset] = None,
):
    with open(trace, "a") as file:
        file.write(f"{n!r} {text!r} {data!r}\n")


@dsl.pipeline(name="optional-inputs")
def pipeline(trace: str, n: Optional[int] = None):  # noqa: UP045
    mark(trace=trace, n=n)


RUNS = [
    {"arguments": {"n": 3}, "trace": ["3 None None"]},
    {"trace": ["None None None"]},
]
LOCAL_RUNS = [{}, {"trace": [], "state": "FAILED"}]
