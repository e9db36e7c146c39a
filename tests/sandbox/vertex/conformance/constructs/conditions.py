"""Exactly one branch of If, Elif and Else runs, on a parameter, a return value and a named output, also nested."""

from typing import NamedTuple

from kfp import dsl

CONSTRUCT = "`dsl.If`, `dsl.Elif`, `dsl.Else`"
SANDBOX = "one branch runs; the others are NOT_TRIGGERED, with all that follows them"
LOCAL = "a plain `dsl.If` on a *named* output never runs, even if it is true"
VERTEX = "a task whose condition is false is NOT_TRIGGERED"
SOURCE = "https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.pipelineJobs#State_1"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str):
    with open(trace, "a") as file:
        file.write(f"{text}\n")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def grade(n: int) -> NamedTuple("Grade", [("word", str), ("share", float)]):
    return ("low" if n < 5 else "high", n / 10)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def double(n: int) -> int:
    return 2 * n


@dsl.pipeline(name="conditions")
def pipeline(trace: str, n: int, wanted: bool = True):
    doubled = double(n=n)
    with dsl.If(doubled.output == 2):
        mark(trace=trace, text="two")
    with dsl.Elif(doubled.output > 8):
        with dsl.If(wanted == True):  # noqa: E712  # the comparison builds the condition
            mark(trace=trace, text="large and wanted")
        with dsl.Else():
            mark(trace=trace, text="large")
    with dsl.Else():
        mark(trace=trace, text="other")
    graded = grade(n=n)
    with dsl.If(graded.outputs["word"] == "low"):
        mark(trace=trace, text="low")
    with dsl.Else():
        mark(trace=trace, text="high")
    with dsl.If(graded.outputs["share"] >= 0.5):
        mark(trace=trace, text="half or more")


RUNS = [
    {"arguments": {"n": 1}, "trace": ["two", "low"]},
    {"arguments": {"n": 6}, "trace": ["large and wanted", "high", "half or more"]},
    {"arguments": {"n": 5, "wanted": False}, "trace": ["large", "high", "half or more"]},
    {"arguments": {"n": 3}, "trace": ["other", "low"]},
]
LOCAL_RUNS = [{}, {"trace": ["large and wanted", "high"]}, {"trace": ["large", "high"]}, {}]
