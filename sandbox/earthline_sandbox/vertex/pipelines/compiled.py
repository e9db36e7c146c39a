"""Reading compiled pipelines: `read` turns the JSON of a `pipelineSpec` into a `Pipeline` or refuses it."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from google.protobuf import json_format

from earthline_sandbox.errors import invalid
from earthline_sandbox.vertex.pipelines import conditions, parameters, placeholders
from earthline_sandbox.vertex.pipelines.specification import (
    ArtifactType,
    Component,
    Constant,
    Container,
    Dag,
    FinalStatus,
    FromInput,
    FromTask,
    Importer,
    Loop,
    Pipeline,
    Retry,
    Source,
    Task,
)

Json = Mapping[str, Any]

DEEPEST: Final = 50
"""Pipelines nested in each other that are followed."""

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)s")


_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,199}", re.ASCII)
"""Keys of tasks, parameters and artifacts, which become names of files."""


def read(spec: Json, *, entry_points: bool = False) -> Pipeline:
    """Reads a compiled pipeline.

    Args:
        spec: The `pipelineSpec` of a job.
        entry_points: Whether the entry point of an image can run, so that a container may do without a command.

    Raises:
        ApiError: INVALID_ARGUMENT; the message names the place and the construct that is malformed or that the
            sandbox does not run.
    """
    return _Reader(_canonical(spec), entry_points).pipeline()


@functools.cache
def _protos() -> Any:
    # Imported on first use: KFP takes half a second.
    from kfp.pipeline_spec import pipeline_spec_pb2

    return pipeline_spec_pb2


def _canonical(spec: Json) -> dict[str, Any]:
    protos = _protos()
    try:
        message = json_format.ParseDict(spec, protos.PipelineSpec())
        result: dict[str, Any] = json_format.MessageToDict(message)
        executors = json_format.ParseDict(result.get("deploymentSpec", {}), protos.PipelineDeploymentConfig())
        result["deploymentSpec"] = json_format.MessageToDict(executors)
    except (json_format.ParseError, TypeError, ValueError, RecursionError) as error:
        raise invalid(f"pipeline_spec is not a compiled KFP pipeline of schema 2.x: {error}") from None
    if not result.get("pipelineInfo", {}).get("name"):
        raise invalid("pipeline_spec has no pipelineInfo.name: compile the pipeline with kfp 2.")
    version = result.get("schemaVersion", "")
    if not version.startswith("2."):
        raise invalid(f"pipeline_spec has schemaVersion {version!r}, but the sandbox runs 2.x: compile it with kfp 2.")
    return result


@contextmanager
def _place(where: str) -> Iterator[None]:
    """Adds the place to a refusal of what is read inside."""
    try:
        yield
    except (conditions.ConditionError, parameters.ParameterError, placeholders.PlaceholderError) as error:
        raise invalid(f"pipeline_spec: {where}: {error}") from None


class _Reader:
    def __init__(self, spec: Json, entry_points: bool) -> None:
        self._spec = spec
        self._entry_points = entry_points
        self._components: dict[str, Component] = {}
        self._open: list[str] = []

    def pipeline(self) -> Pipeline:
        root = self._component("root", self._spec.get("root", {}))
        if not isinstance(root.body, Dag):
            raise invalid("pipeline_spec: root has no tasks.")
        return Pipeline(self._spec["pipelineInfo"]["name"], root, self._spec.get("defaultPipelineRoot", ""))

    def _referred(self, name: str, where: str) -> Component:
        if name not in self._components:
            found = self._spec.get("components", {}).get(name)
            if found is None:
                raise invalid(f"pipeline_spec: {where} refers to the component {name!r}, which is not there.")
            if name in self._open or len(self._open) > DEEPEST:
                raise invalid(f"pipeline_spec: the component {name!r} holds itself, or lies deeper than {DEEPEST}.")
            self._open.append(name)
            self._components[name] = self._component(name, found)
            self._open.pop()
        return self._components[name]

    def _component(self, name: str, spec: Json) -> Component:
        where = f"component {name!r}" if name != "root" else "root"
        for construct in ("singlePlatformSpecs", "taskConfigPassthroughs"):
            if construct in spec:
                raise _unsupported(where, construct)
        inputs, outputs = spec.get("inputDefinitions", {}), spec.get("outputDefinitions", {})
        for definitions in (inputs, outputs):
            _check_keys(where, definitions.get("parameters", {}), definitions.get("artifacts", {}))
        with _place(where):
            return Component(
                name,
                {key: _definition(key, item) for key, item in inputs.get("parameters", {}).items()},
                {key: _artifact_type(item) for key, item in inputs.get("artifacts", {}).items()},
                {key: _definition(key, item) for key, item in outputs.get("parameters", {}).items()},
                {key: _artifact_type(item) for key, item in outputs.get("artifacts", {}).items()},
                self._body(where, spec),
            )

    def _body(self, where: str, spec: Json) -> Container | Importer | Dag:
        if "dag" in spec:
            return self._dag(where, spec)
        label = spec.get("executorLabel", "")
        executor = self._spec["deploymentSpec"].get("executors", {}).get(label)
        if executor is None:
            raise invalid(f"pipeline_spec: {where} refers to the executor {label!r}, which is not there.")
        if "container" in executor:
            return _container(where, executor["container"], self._entry_points)
        if "importer" in executor:
            return _importer(where, executor["importer"])
        raise _unsupported(where, f"{next(iter(executor), 'empty')} executor")

    def _dag(self, where: str, spec: Json) -> Dag:
        dag = spec["dag"]
        _check_keys(where, dag.get("tasks", {}))
        tasks = {}
        for key, item in dag.get("tasks", {}).items():
            tasks[key] = self._task(key, item, f"{where}, task {key!r}")
        if not tasks:
            raise invalid(
                f"pipeline_spec: {where} has no tasks. kfp 2.17 compiles that where a pipeline and one used inside it"
                " both have conditions, loops or exit handlers of the same number, and puts their tasks elsewhere:"
                " move the control flow into one of the two."
            )
        try:
            TopologicalSorter({key: task.upstream for key, task in tasks.items()}).prepare()
        except CycleError as error:
            raise invalid(f"pipeline_spec: {where}: tasks wait for each other: {' -> '.join(error.args[1])}.") from None
        for task in tasks.values():
            _check_task(where, task, tasks, spec)
        outputs = dag.get("outputs", {})
        given = {key: _selections(item) for key, item in outputs.get("parameters", {}).items()}
        artifacts = {
            key: tuple(FromTask(one["producerSubtask"], one["outputArtifactKey"]) for one in item["artifactSelectors"])
            for key, item in outputs.get("artifacts", {}).items()
        }
        for key, selections in [*given.items(), *artifacts.items()]:
            for selection in selections:
                if selection.producer not in tasks:
                    raise invalid(
                        f"pipeline_spec: {where}: output {key!r} comes from the task {selection.producer!r}, which"
                        " is not there."
                    )
        return Dag(tasks, given, artifacts)

    def _task(self, key: str, spec: Json, where: str) -> Task:
        component = self._referred(spec.get("componentRef", {}).get("name", ""), where)
        inputs = spec.get("inputs", {})
        with _place(where):
            given = {name: _parameter_source(item) for name, item in inputs.get("parameters", {}).items()}
            artifacts = {name: _artifact_source(item) for name, item in inputs.get("artifacts", {}).items()}
            trigger = spec.get("triggerPolicy", {})
            condition = conditions.parse(trigger["condition"]) if trigger.get("condition") else None
        producers = {
            source.producer
            for source in [*given.values(), *artifacts.values()]
            if isinstance(source, FromTask | FinalStatus)
        }
        caching = spec.get("cachingOptions", {})
        return Task(
            key=key,
            name=spec.get("taskInfo", {}).get("name") or key,
            component=component,
            parameters=given,
            artifacts=artifacts,
            upstream=frozenset(producers | set(spec.get("dependentTasks", []))),
            condition=condition,
            after_failure=trigger.get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED",
            cache=bool(caching.get("enableCache", False)),
            cache_key=caching.get("cacheKey", ""),
            retry=_retry(spec.get("retryPolicy", {})),
            loop=_loop(where, spec),
        )


def _unsupported(where: str, construct: str) -> Exception:
    return invalid(f"pipeline_spec: {where} uses {construct}, which the sandbox does not run.")


def _check_keys(where: str, *mappings: Json) -> None:
    for mapping in mappings:
        for key in mapping:
            if not _KEY.fullmatch(key) or ".." in key:
                raise invalid(
                    f"pipeline_spec: {where}: the name {key!r} is not valid: letters, digits, '_', '-', '.' and spaces."
                )


def _definition(name: str, spec: Json) -> parameters.Definition:
    kind = spec.get("parameterType", "")
    if kind not in parameters.TYPES:
        raise parameters.ParameterError(
            f"parameter {name!r} has the type {kind or spec.get('type') or 'unspecified'}, which the sandbox does"
            " not run"
        )
    literals = tuple(parameters.whole(literal) for literal in spec.get("literals", []))
    return parameters.Definition(
        kind, bool(spec.get("isOptional")), spec.get("defaultValue"), "defaultValue" in spec, literals
    )


def _artifact_type(spec: Json) -> ArtifactType:
    schema = spec.get("artifactType", {})
    title = schema.get("schemaTitle") or schema.get("schemaUri") or "system.Artifact"
    return ArtifactType(
        title,
        schema.get("schemaVersion", "0.0.1"),
        bool(spec.get("isArtifactList")),
        bool(spec.get("isOptional")),
        spec.get("metadata", {}),
    )


def _selector(spec: Json) -> parameters.Selector | None:
    text = spec.get("parameterExpressionSelector", "")
    return parameters.parse_selector(text) if text else None


def _parameter_source(spec: Json) -> Source:
    selector = _selector(spec)
    match spec:
        case {"taskOutputParameter": {"producerTask": task, "outputParameterKey": key}}:
            return FromTask(task, key, selector)
        case {"componentInputParameter": name}:
            return FromInput(name, selector)
        case {"taskFinalStatus": {"producerTask": task}}:
            return FinalStatus(task)
        case {"runtimeValue": {"constant": value}}:
            placeholders.check(value)
            return Constant(value, selector)
    raise parameters.ParameterError(f"the input {json.dumps(spec)[:200]} is of a kind that the sandbox does not run")


def _artifact_source(spec: Json) -> Source:
    match spec:
        case {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": key}}:
            return FromTask(task, key)
        case {"componentInputArtifact": name}:
            return FromInput(name)
    raise parameters.ParameterError(f"the input {json.dumps(spec)[:200]} is of a kind that the sandbox does not run")


def _selections(spec: Json) -> tuple[FromTask, ...]:
    chosen = [spec["valueFromParameter"]] if "valueFromParameter" in spec else []
    chosen += spec.get("valueFromOneof", {}).get("parameterSelectors", [])
    return tuple(FromTask(one["producerSubtask"], one["outputParameterKey"]) for one in chosen)


def _container(where: str, spec: Json, entry_points: bool) -> Container:
    if "preCacheCheck" in spec.get("lifecycle", {}):
        raise _unsupported(where, "lifecycle.preCacheCheck")
    if not spec.get("command") and not entry_points:
        raise invalid(
            f"pipeline_spec: {where} (image {spec.get('image', '')!r}) gives no command. The sandbox runs containers"
            " as processes and cannot read the entry point of an image: give the command in the component, or start"
            " the sandbox with --containers, which runs them on a Docker engine."
        )
    env = tuple((item["name"], item.get("value", "")) for item in spec.get("env", []))
    found = Container(spec.get("image", ""), tuple(spec.get("command", [])), tuple(spec.get("args", [])), env)
    placeholders.check([found.image, *found.command, *found.args, *(value for _, value in env)])
    return found


def _importer(where: str, spec: Json) -> Importer:
    if spec.get("downloadToWorkspace"):
        raise _unsupported(where, "importer.downloadToWorkspace")
    uri = spec.get("artifactUri", {}).get("constant", "")
    if "runtimeParameter" in spec.get("artifactUri", {}) and not uri:
        uri = f"{{{{$.inputs.parameters['{spec['artifactUri']['runtimeParameter']}']}}}}"
    return Importer(uri, _artifact_type({"artifactType": spec.get("typeSchema", {})}), spec.get("metadata", {}))


def _seconds(text: str, default: float) -> float:
    match = _DURATION.fullmatch(text)
    return float(match[1]) if match else default


def _retry(spec: Json) -> Retry:
    return Retry(
        int(spec.get("maxRetryCount", 0)),
        _seconds(spec.get("backoffDuration", ""), 0.0),
        float(spec.get("backoffFactor", 0)) or 2.0,
        _seconds(spec.get("backoffMaxDuration", ""), 3600.0),
    )


def _loop(where: str, spec: Json) -> Loop | None:
    limit = int(spec.get("iteratorPolicy", {}).get("parallelismLimit", 0))
    if "artifactIterator" in spec:
        iterator = spec["artifactIterator"]
        return Loop(iterator["itemInput"], None, iterator["items"]["inputArtifact"], True, limit)
    if "parameterIterator" not in spec:
        return None
    iterator = spec["parameterIterator"]
    items = iterator.get("items", {})
    if "inputParameter" in items:
        return Loop(iterator["itemInput"], None, items["inputParameter"], False, limit)
    try:
        raw = json.loads(items.get("raw", ""))
    except ValueError:
        raw = None
    if not isinstance(raw, list):
        raise invalid(f"pipeline_spec: {where}: the items of the loop are not a JSON list: {items.get('raw')!r:.200}.")
    return Loop(iterator["itemInput"], tuple(raw), "", False, limit)


def _check_task(where: str, task: Task, tasks: Mapping[str, Task], spec: Json) -> None:
    """Refuses references to what is not there, which would otherwise surface in the middle of a run."""
    place = f"pipeline_spec: {where}, task {task.key!r}"
    for key in task.upstream:
        if key not in tasks:
            raise invalid(f"{place} waits for the task {key!r}, which is not there.")
    inputs = spec.get("inputDefinitions", {})
    # KFP itself gives groups of tasks channels that nothing feeds (a loop's constant items inside an exit handler).
    nested = isinstance(task.component.body, Dag)
    for kind, sources in (("parameters", task.parameters), ("artifacts", task.artifacts)):
        for name, source in sources.items():
            match source:
                case FromInput(origin) if origin not in inputs.get(kind, {}) and not nested:
                    raise invalid(f"{place}: input {name!r} comes from the input {origin!r}, which is not there.")
                case FromTask(producer, key):
                    component = tasks[producer].component
                    outputs = component.output_parameters if kind == "parameters" else component.output_artifacts
                    if key not in outputs:
                        raise invalid(f"{place}: input {name!r} comes from {producer}.{key}, which is not there.")
    if task.condition is not None:
        missing = sorted(task.condition.parameters - set(task.parameters))
        if missing:
            raise invalid(f"{place}: its condition reads the input {missing[0]!r}, which is not there.")
