"""Components of a line each, and a client that submits pipelines of them and waits."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml
from kfp import compiler, dsl

PLAIN: dict[str, Any] = {"base_image": "earthline:0.1.0", "install_kfp_package": False}


@dsl.component(**PLAIN)
def add(a: int, b: int = 2) -> int:
    return a + b


@dsl.component(**PLAIN)
def make(data: dsl.Output[dsl.Dataset], options: dict, items: list, text: str, flag: bool, scale: float) -> NamedTuple(
    "Made", [("mean", float), ("accepted", bool)]
):  # type: ignore[valid-type]  # KFP's own form

    import json

    with open(data.path, "w") as file:
        json.dump([options, items, text, flag, scale], file)
    data.metadata["count"] = len(items)
    return (scale * 2, not flag)


@dsl.component(**PLAIN)
def use(data: dsl.Input[dsl.Dataset], report: dsl.Output[dsl.Markdown]) -> str:
    with open(report.path, "w") as file:
        file.write(data.uri)
    with open(data.path) as file:
        return file.read() + "|" + data.path + "|" + str(data.metadata["count"])


def shell(script: str, *words: Any) -> dsl.ContainerSpec:
    return dsl.ContainerSpec(image="any", command=["sh", "-ec", script, "sh"], args=list(words))


@dsl.container_component
def nap(seconds: float):  # type: ignore[no-untyped-def]  # KFP wants no annotation here
    return shell('sleep "$1"', seconds)


@dsl.container_component
def fail(text: str):  # type: ignore[no-untyped-def]
    return shell('echo "about to stop"; echo "$1" >&2; exit 7', text)


@dsl.container_component
def say(text: str, said: dsl.OutputPath(str)):  # type: ignore[no-untyped-def, valid-type]
    return shell('mkdir -p "$(dirname "$2")"; printf %s "$1" > "$2"; echo "said $1"', text, said)


@dsl.container_component
def count(folder: str, good: int, result: dsl.OutputPath(int)):  # type: ignore[no-untyped-def, valid-type]
    """Fails until it was run `good` times."""
    script = 'echo x >> "$1/runs"; n=$(wc -l < "$1/runs"); [ "$n" -ge "$2" ]; printf %s "$n" > "$3"'
    return shell(script, folder, good, result)


@dsl.container_component
def copy(data: dsl.Input[dsl.Artifact], marks: str, out: dsl.Output[dsl.Artifact]):  # type: ignore[no-untyped-def]
    return shell('echo x >> "$2"; cp "$1" "$3"', data.path, marks, out.path)


class Jobs:
    """Submits pipelines to a service and waits for them."""

    def __init__(self, vertex: Any) -> None:
        self.vertex = vertex
        self.storage = vertex.home / "storage"
        (self.storage / "bucket").mkdir(parents=True, exist_ok=True)

    def compile(self, pipeline: Any) -> dict[str, Any]:
        path = self.vertex.home / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(path))
        return next(yaml.safe_load_all(path.read_text()))  # type: ignore[no-any-return]

    def submit(self, pipeline: Any, expect: int = 200, job_id: str = "", **parameters: Any) -> dict[str, Any]:
        spec = pipeline if isinstance(pipeline, dict) else self.compile(pipeline)
        config = {"gcsOutputDirectory": "gs://bucket/root", "parameterValues": parameters}
        if policy := spec.pop("policy", None):
            config["failurePolicy"] = policy
        query = f"?pipelineJobId={job_id}" if job_id else ""
        body = {"displayName": "test", "pipelineSpec": spec, "runtimeConfig": config, "labels": {"team": "maps"}}
        job: dict[str, Any] = self.vertex.call("POST", f"pipelineJobs{query}", body, expect=expect)
        return job

    def get(self, job: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.vertex.call("GET", f"/v1/{job['name']}")
        return found

    def wait(self, job: dict[str, Any], until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        if until is None:
            return self.vertex.wait(job["name"])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.get(job)
            if until(found):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{job['name']} did not get there: {found}")

    def run(self, pipeline: Any, **parameters: Any) -> dict[str, Any]:
        job = self.wait(self.submit(pipeline, **parameters))
        assert job["state"] == "PIPELINE_STATE_SUCCEEDED", job.get("error")
        return job

    def fails(self, pipeline: Any, **parameters: Any) -> dict[str, Any]:
        job = self.wait(self.submit(pipeline, **parameters))
        assert job["state"] == "PIPELINE_STATE_FAILED"
        return job


def details(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["taskUniqueName"]: task for task in job["jobDetail"]["taskDetails"]}


def states(job: dict[str, Any]) -> dict[str, str]:
    return {name: task["state"] for name, task in details(job).items()}


def output(job: dict[str, Any], task: str, name: str = "Output") -> Any:
    return details(job)[task]["execution"]["metadata"][f"output:{name}"]
