"""Artifacts: own metadata, metrics by name, a changed uri, `Output` folders, paths beside the task's outputs."""

from kfp import dsl

CONSTRUCT = "artifacts: metadata, `dsl.Metrics`, folders, `dsl.OutputPath`"
SANDBOX = "`.uri` is `gs://…`, `.path` is the mounted file; metadata and changed uris are kept"
LOCAL = "same, but that `.uri` is a local path as `.path` is"
VERTEX = "`.uri` is `gs://…`, `.path` is below `/gcs/`"
SOURCE = "https://www.kubeflow.org/docs/components/pipelines/user-guides/data-handling/artifacts/"


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def train(model: dsl.Output[dsl.Model], metrics: dsl.Output[dsl.Metrics], log: dsl.OutputPath()):
    import os

    os.makedirs(model.path)
    with open(os.path.join(model.path, "weights"), "w") as file:
        file.write("w")
    model.metadata["framework"] = "keras"
    metrics.log_metric("accuracy", 0.75)
    with open(log, "w") as file:
        file.write("epoch 1")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def read(
    trace: str,
    model: dsl.Input[dsl.Model],
    metrics: dsl.Input[dsl.Metrics],
    log: dsl.InputPath(),
):
    import os

    scheme = "gs" if model.uri.startswith("gs://") else "file"
    with open(log) as source, open(trace, "a") as file:
        file.write(f"{os.listdir(model.path)} {model.metadata['framework']} {metrics.metadata['accuracy']}\n")
        file.write(f"{source.read()}\n{scheme}\n")


@dsl.pipeline(name="artifacts")
def pipeline(trace: str):
    made = train()
    read(trace=trace, model=made.outputs["model"], metrics=made.outputs["metrics"], log=made.outputs["log"])


RUNS = [{"trace": ["['weights'] keras 0.75", "epoch 1", "gs"]}]
LOCAL_RUNS = [{"trace": ["['weights'] keras 0.75", "epoch 1", "file"]}]
