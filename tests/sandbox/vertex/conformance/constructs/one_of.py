"""OneOf gives what the branch that ran gave: a parameter and an artifact."""

from kfp import dsl

CONSTRUCT = "`dsl.OneOf`"
SANDBOX = "the output of the branch that ran"
LOCAL = "an error for artifacts: `Expected 1 artifact in ArtifactSelectorSpec`"
VERTEX = "as KFP describes it; KFP requires an Else, so that one branch always runs"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/control-flow/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, text: str):
    with open(trace, "a") as file:
        file.write(f"{text}\n")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def choose(n: int) -> str:
    return "left" if n < 0 else "right" if n > 0 else "middle"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def say(text: str) -> str:
    return text


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def write(text: str, note: dsl.Output[dsl.Artifact]):
    with open(note.path, "w") as file:
        file.write(text)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def read(trace: str, note: dsl.Input[dsl.Artifact]):
    with open(note.path) as source, open(trace, "a") as file:
        file.write(f"read {source.read()}\n")


@dsl.pipeline(name="one-of")
def pipeline(trace: str, n: int):
    way = choose(n=n)
    with dsl.If(way.output == "left"):
        first = say(text="turned left")
        one = write(text="l")
    with dsl.Elif(way.output == "right"):
        second = say(text="turned right")
        two = write(text="r")
    with dsl.Else():
        third = say(text="went on")
        three = write(text="m")
    mark(trace=trace, text=dsl.OneOf(first.output, second.output, third.output))
    read(trace=trace, note=dsl.OneOf(one.outputs["note"], two.outputs["note"], three.outputs["note"]))


RUNS = [
    {"arguments": {"n": -1}, "trace": ["turned left", "read l"]},
    {"arguments": {"n": 1}, "trace": ["turned right", "read r"]},
    {"arguments": {"n": 0}, "trace": ["went on", "read m"]},
]
LOCAL_RUNS = [{"trace": [], "state": "FAILED"}] * 3
