"""A pipeline that is used as a component gives the OneOf of its branches."""

from kfp import dsl

CONSTRUCT = "`dsl.OneOf` as the output of a pipeline"
SANDBOX = "the output of the branch that ran"
LOCAL = "same"
VERTEX = "as KFP describes it"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/control-flow/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str):
    with open(trace, "a") as file:
        file.write(f"{text}\n")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def say(text: str) -> str:
    return text


@dsl.pipeline(name="inner")
def turn(n: int) -> str:
    with dsl.If(n < 0):
        first = say(text="turned left")
    with dsl.Elif(n > 0):
        second = say(text="turned right")
    with dsl.Else():
        third = say(text="went on")
    return dsl.OneOf(first.output, second.output, third.output)


@dsl.pipeline(name="one-of-outputs")
def pipeline(trace: str, n: int):
    mark(trace=trace, text=turn(n=n).output)


RUNS = [
    {"arguments": {"n": -1}, "trace": ["turned left"]},
    {"arguments": {"n": 1}, "trace": ["turned right"]},
    {"arguments": {"n": 0}, "trace": ["went on"]},
]
