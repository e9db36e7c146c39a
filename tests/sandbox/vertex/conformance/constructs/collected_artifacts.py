"""Collected artifacts arrive as a list in the order of the items; a list of artifacts can be looped over."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Output

CONSTRUCT = "`dsl.Collected` artifacts, `Input[List[…]]`, loops over artifacts"
SANDBOX = "a list of artifacts, in the order of the items"
LOCAL = "same"
VERTEX = "as KFP describes it; at most 100 artifacts in a list (a message quoted in kubeflow#7513)"
SOURCE = "https://github.com/kubeflow/kubeflow/issues/7513"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def write(text: str, data: Output[Dataset]):
    with open(data.path, "w") as file:
        file.write(text)
    data.metadata["first"] = text[0]


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def join(trace: str, parts: Input[list[Dataset]]):
    texts = []
    for part in parts:
        with open(part.path) as file:
            texts.append(f"{file.read()}:{part.metadata['first']}")
    with open(trace, "a") as file:
        file.write(" ".join(texts) + "\n")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def read(trace: str, part: Input[Dataset]):
    with open(part.path) as source, open(trace, "a") as file:
        file.write(f"one {source.read()}\n")


@dsl.pipeline(name="make")
def make() -> list[Dataset]:
    with dsl.ParallelFor(["d", "e"]) as text:
        written = write(text=text)
    return dsl.Collected(written.outputs["data"])


@dsl.pipeline(name="collected-artifacts")
def pipeline(trace: str):
    with dsl.ParallelFor(["a", "bb", "ccc"]) as text:
        written = write(text=text)
    join(trace=trace, parts=dsl.Collected(written.outputs["data"]))
    with dsl.ParallelFor(make().output) as part:
        read(trace=trace, part=part)


RUNS = [{"trace": ["a:a bb:b ccc:c", "one d", "one e"]}]
