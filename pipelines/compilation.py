"""Compiles a config to the pipeline's YAML with KFP's own compiler; the same config gives the same bytes everywhere."""

import tempfile
from pathlib import Path

import yaml
from google.protobuf import json_format

from earthline.config import Config
from pipelines.light_kfp import compiler, pipeline_spec_pb2
from pipelines.workflow import build

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same as SafeLoader, ten times as fast where PyYAML was built with libyaml."""
_GOOGLES_OWN = "gcr.io/ml-pipeline/google-cloud-pipeline-components:"


class SpecificationError(ValueError):
    """A pipeline that could not work, that Vertex AI would refuse, that lacks a value or names a wrong image."""


def compile_workflow(config: Config, *, probes: bool = False) -> bytes:
    """The compiled pipeline.

    Args:
        config: The workflow's config.
        probes: Whether it has the steps that a canary alone runs.

    Returns:
        KFP v2 YAML in UTF-8 with sorted keys. It names container images and nothing of this machine, and holds no time.

    Raises:
        SpecificationError: Its steps could not read the examples.
    """
    if config.export.format != "earthline":
        raise SpecificationError(
            f"export.format: {config.export.format} is for trainers of your own; no step after export_examples reads "
            "it. Take the line out for a run, or write the examples alone by `earthline export`"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "workflow.yaml"
        compiler.Compiler().compile(build(config, probes=probes), str(path))
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), _LOADER))
    # KFP writes a comment block whose layout is not part of its contract; the content alone, sorted, is stable.
    return yaml.safe_dump_all(documents, sort_keys=True, allow_unicode=True, width=120, encoding="utf-8")


def verify(template: bytes, image: str) -> int:
    """Checks what can be known of a compiled pipeline before anybody runs it.

    Args:
        template: KFP v2 YAML.
        image: The image that its steps should run in.

    Returns:
        How many steps it has.

    Raises:
        SpecificationError: It is no pipeline, a task names a component or an executor that is not there, a parameter
            has no value, or a step runs in another image.
    """
    spec = yaml.load(template, _LOADER)
    message = pipeline_spec_pb2.PipelineSpec()
    try:
        json_format.ParseDict(spec, message)
    except json_format.ParseError as error:
        raise SpecificationError(f"the compiled pipeline does not follow KFP's schema: {error}") from error
    components, executors = dict(message.components), spec["deploymentSpec"]["executors"]
    for name, component in (("the pipeline", message.root), *components.items()):
        for task in component.dag.tasks.values():
            if task.component_ref.name not in components:
                raise SpecificationError(f"{name}: the task {task.task_info.name} has no component")
        if component.executor_label and component.executor_label not in executors:
            raise SpecificationError(f"{name}: its executor {component.executor_label} is not there")
    for name, parameter in message.root.input_definitions.parameters.items():
        if not parameter.HasField("default_value"):
            raise SpecificationError(f"the parameter {name} has no value")
    images = {label: executor["container"]["image"] for label, executor in executors.items()}
    for label, found in images.items():
        if found != image and not found.startswith(_GOOGLES_OWN):
            raise SpecificationError(f"{label} runs in {found}, not in {image}")
    return len(executors)
