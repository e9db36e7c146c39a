"""A pipeline is a component: inputs go down, outputs come up, two levels deep."""

from collections import namedtuple
from typing import NamedTuple

from kfp import dsl

CONSTRUCT = "pipelines inside pipelines"
SANDBOX = "each is a task with tasks of its own"
LOCAL = "same"
VERTEX = "a pipeline may be used as a component"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/components/compose-components-into-pipelines/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def add(a: int, b: int = 1) -> int:
    return a + b


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def write(text: str, note: dsl.Output[dsl.Artifact]):
    with open(note.path, "w") as file:
        file.write(text)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def mark(trace: str, total: int, note: dsl.Input[dsl.Artifact]):
    with open(note.path) as source, open(trace, "a") as file:
        file.write(f"{source.read()} {total}\n")


@dsl.pipeline(name="inner")
def inner(a: int) -> int:
    return add(a=a, b=10).output


@dsl.pipeline(name="outer")
def outer(a: int, text: str = "sum") -> NamedTuple("Made", [("total", int), ("note", dsl.Artifact)]):
    made = write(text=text)
    below = inner(a=add(a=a).output)
    return namedtuple("Made", ["total", "note"])(below.output, made.outputs["note"])


@dsl.pipeline(name="nested-pipelines")
def pipeline(trace: str, a: int):
    made = outer(a=a)
    mark(trace=trace, total=made.outputs["total"], note=made.outputs["note"])


RUNS = [{"arguments": {"a": 5}, "trace": ["sum 16"], "tasks": {"outer.inner.add": "SUCCEEDED"}}]
