"""An importer makes an artifact of what exists, with metadata that may hold inputs."""

from kfp import dsl

CONSTRUCT = "`dsl.importer`"
SANDBOX = "an artifact of that uri and metadata; an object of the sandbox's storage must exist"
LOCAL = "same"
VERTEX = "imports an artifact by its uri; with `reimport=False` an artifact of the same uri is used again"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/components/importer-component/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def read(trace: str, data: dsl.Input[dsl.Dataset]):
    with open(data.path) as source, open(trace, "a") as file:
        file.write(f"{source.read()} {data.metadata['made']} {data.metadata['of']['year']}\n")


@dsl.pipeline(name="importers")
def pipeline(trace: str, uri: str, year: int = 2000):
    fixed = dsl.importer(
        artifact_uri=uri,
        artifact_class=dsl.Dataset,
        reimport=True,
        metadata={"made": "elsewhere", "of": {"year": year}},
    )
    read(trace=trace, data=fixed.output)


RUNS = [
    {"objects": {"given.txt": "scene"}, "arguments": {"uri": "{root}/given.txt"}, "trace": ["scene elsewhere 2000"]}
]
