"""Runs the constructs' pipelines in the sandbox through its wire."""

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from google.protobuf import json_format

from earthline_sandbox.vertex.containers import images
from tests.sandbox.vertex.rest_client import FINAL

FOLDER = Path(__file__).with_name("constructs")


def load(path: Path) -> ModuleType:
    """Loads a file as the module `constructs.<name>`."""
    name = f"constructs.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Engine:
    """The sandbox's engine, asked over HTTP."""

    def __init__(self, vertex: Any) -> None:
        self.vertex = vertex
        self.bucket: Path = vertex.home / "storage" / "conformance"
        self.bucket.mkdir(parents=True)

    def compile(self, pipeline: Any, caching: bool) -> dict[str, Any]:
        # Not by way of a YAML file: kfp 2.17 breaks it where a default holds a line break, by a comment at its head.
        spec: dict[str, Any] = json_format.MessageToDict(pipeline.pipeline_spec)
        if not caching:
            for component in (spec["root"], *spec["components"].values()):
                for task in component.get("dag", {}).get("tasks", {}).values():
                    task.pop("cachingOptions", None)
        return spec

    def submit(self, spec: dict[str, Any], arguments: dict[str, Any], **config: str) -> dict[str, Any]:
        runtime = {"gcsOutputDirectory": "gs://conformance/root", "parameterValues": arguments, **config}
        job: dict[str, Any] = self.vertex.call("POST", "pipelineJobs", {"pipelineSpec": spec, "runtimeConfig": runtime})
        return job

    def wait(self, job: dict[str, Any], meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while job["state"] not in FINAL:
            assert time.monotonic() < deadline, job
            meanwhile()
            time.sleep(0.03)
            job = self.vertex.call("GET", f"/v1/{job['name']}")
        return job


@pytest.fixture
def engine(vertex: Any, monkeypatch: pytest.MonkeyPatch) -> Engine:
    # Whoever edits a source file meanwhile would change the image, and with it every key of the cache.
    monkeypatch.setattr(images, "digest", lambda: "one image")
    return Engine(vertex)


@pytest.fixture
def construct(name: str) -> ModuleType:
    """The construct that the test's parameter `name` names."""
    return load(FOLDER / f"{name}.py")
