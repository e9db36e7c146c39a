"""The steps of a compiled pipeline, in the order in which they can run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

_LAUNCHER = "google_cloud_pipeline_components.container.v1.custom_job.launcher"


@dataclass(frozen=True)
class StepSpec:
    """One step as the pipeline describes it.

    Attributes:
        task: Name of the task in the pipeline, such as export-examples.
        custom_job: Display name of the custom job that the task launches; empty where the task does the work itself.
    """

    task: str
    custom_job: str = ""

    @property
    def name(self) -> str:
        """Name of the step, such as export_examples."""
        return self.task.replace("-", "_")


def steps_in_order(spec: Mapping[str, Any]) -> tuple[StepSpec, ...]:
    """Every step of a pipeline, those behind conditions included.

    Args:
        spec: KFP's PipelineSpec as a dictionary, with camel-case keys.

    Returns:
        Steps, each after those whose outputs it needs.
    """
    return tuple(_steps(spec, spec["root"]["dag"]))


def _steps(spec: Mapping[str, Any], dag: Mapping[str, Any]) -> Iterator[StepSpec]:
    tasks = dag["tasks"]
    order = TopologicalSorter({name: sorted(tasks[name].get("dependentTasks", ())) for name in sorted(tasks)})
    for name in order.static_order():
        component = spec["components"][tasks[name]["componentRef"]["name"]]
        if "dag" in component:
            yield from _steps(spec, component["dag"])
        else:
            yield StepSpec(name, _custom_job(spec, component))


def _custom_job(spec: Mapping[str, Any], component: Mapping[str, Any]) -> str:
    executor = spec["deploymentSpec"]["executors"].get(component.get("executorLabel", ""), {})
    if _LAUNCHER not in executor.get("container", {}).get("command", ()):
        return ""
    parameters = component.get("inputDefinitions", {}).get("parameters", {})
    return str(parameters.get("display_name", {}).get("defaultValue", ""))
