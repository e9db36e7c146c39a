"""One task that runs a container or imports an artifact: its executor input, its process, its outputs."""

import dataclasses
import errno
import json
import logging as stdlib_logging
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from earthline_sandbox import disk
from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import containers, mount
from earthline_sandbox.vertex.containers.processes import ContainerProcess
from earthline_sandbox.vertex.logs import logging
from earthline_sandbox.vertex.pipelines import launched, parameters, placeholders
from earthline_sandbox.vertex.pipelines.cache import Cache, execution_key
from earthline_sandbox.vertex.pipelines.specification import (
    ArtifactType,
    Component,
    Constant,
    Container,
    Importer,
    Task,
)
from earthline_sandbox.vertex.rest import names

LARGEST_OUTPUT: Final = 64 * 2**20
"""Bytes of an output file that are read at all."""

GRACE: Final = 10.0
"""Seconds that a cancelled task has to end by itself: GCPC's launchers cancel their remote job in them."""

_NO_MOUNT: Final = (
    "\nWithout containers, paths below /gcs/ are known to Python's own file functions alone, not to programs and"
    " libraries in C: give those the path of an artifact, or start the sandbox with containers."
)

_LOG: Final = stdlib_logging.getLogger(__name__)

Json = dict[str, Any]


@dataclass(frozen=True)
class JobContext:
    """What all tasks of one job share.

    Attributes:
        settings: The sandbox.
        parent: `projects/NUMBER/locations/LOCATION`.
        job_id: Last part of the job's name.
        pipeline: Name of the pipeline, within which executions are cached.
        root: Folder `gs://…` of the job's artifacts, without a slash at its end.
        scalars: Texts that placeholders stand for.
        labels: Labels of the job.
        folder: Folder of the job's own files on this machine.
        cache: Earlier executions.
    """

    settings: Settings
    parent: str
    job_id: str
    pipeline: str
    root: str
    scalars: Mapping[str, str]
    labels: Mapping[str, str]
    folder: Path
    cache: Cache

    @property
    def name(self) -> str:
        """Resource name of the job."""
        return f"{self.parent}/pipelineJobs/{self.job_id}"


@dataclass
class Outcome:
    """How a task ended.

    Attributes:
        state: State of `PipelineTaskDetail`.
        parameters: Output parameters.
        artifacts: Output artifacts, as `RuntimeArtifact` JSON.
        error: What was wrong, for a failed task.
    """

    state: str
    parameters: Json = field(default_factory=dict)
    artifacts: dict[str, list[Json]] = field(default_factory=dict)
    error: ApiError | None = None

    @property
    def succeeded(self) -> bool:
        """True where outputs are there, from a run or from the cache."""
        return self.state in ("SUCCEEDED", "SKIPPED")


class TaskError(Exception):
    """A failure of one attempt of a task, worded for the user."""


def runtime_artifact(context: JobContext, kind: ArtifactType, uri: str, metadata: Json | None = None) -> Json:
    """A new artifact, as `RuntimeArtifact` JSON."""
    return {
        "name": f"{context.parent}/metadataStores/default/artifacts/{names.fresh_id()}",
        "type": {"schemaTitle": kind.schema_title, "schemaVersion": kind.schema_version},
        "uri": uri,
        "metadata": dict(kind.metadata) if metadata is None else metadata,
    }


class LeafTask:
    """A container or an importer with its inputs, ready to run in a thread.

    Attributes:
        task_id: Number of the task, as text.
        unique_name: Its keys from the root, joined by dots.
        main_job: Custom job of the current attempt; empty before the first.
        failed_jobs: Custom jobs of earlier attempts.
    """

    def __init__(
        self,
        context: JobContext,
        task: Task,
        task_id: str,
        unique_name: str,
        inputs: Json,
        artifacts: dict[str, list[Json]],
        scalars: Mapping[str, str],
        report: Callable[["LeafTask"], None],
    ) -> None:
        """Prepares the task.

        Args:
            context: The job.
            task: The task.
            task_id: Number of the task, as text.
            unique_name: Its keys from the root, joined by dots.
            inputs: Input parameters.
            artifacts: Input artifacts.
            scalars: Texts that placeholders stand for, those of the task included.
            report: Called when an attempt begins.
        """
        self.task_id = task_id
        self.unique_name = unique_name
        self.main_job = ""
        self.failed_jobs: list[str] = []
        self._context = context
        self._task = task
        self._component: Component = task.component
        self._inputs = inputs
        self._artifacts = artifacts
        self._scalars = scalars
        self._templates = {
            name: source.value
            for name, source in task.parameters.items()
            if isinstance(source, Constant) and not source.selector and placeholders.is_template(source.value)
        }
        self._report = report
        self._cancelled = threading.Event()
        self._process: ContainerProcess | None = None
        self._uri = f"{context.root}/{context.parent.split('/')[1]}/{context.job_id}/{task.key}_{task_id}"

    def run(self) -> Outcome:
        """Runs the task to its end, with the retries that it asks for; never raises."""
        try:
            body = self._component.body
            if isinstance(body, Importer):
                self._report(self)
                return self._import(body)
            assert isinstance(body, Container)
            return self._execute(body)
        except OSError as error:
            return self._failed(_system_reason(error))
        except (TaskError, parameters.ParameterError, placeholders.PlaceholderError) as error:
            return self._failed(str(error))
        except ApiError as error:
            return self._failed(error.message)

    def cancel(self) -> None:
        """Ends the task: its process group, or its wait for the next attempt. Returns when it is gone."""
        self._cancelled.set()
        process = self._process
        if process is not None:
            process.stop(GRACE)

    def _failed(self, reason: str) -> Outcome:
        if self._cancelled.is_set():
            return Outcome("CANCELLED", error=ApiError("CANCELLED", f"Task {self.unique_name!r} was cancelled."))
        return Outcome("FAILED", error=ApiError("FAILED_PRECONDITION", f"Task {self.unique_name!r}: {reason}"))

    def _import(self, importer: Importer) -> Outcome:
        uri = self._inputs.get("uri") or placeholders.fill(importer.uri, self._scalars, self._inputs)
        if mount.is_object(uri) and not mount.local_path(self._context.settings, uri).exists():
            raise TaskError(f"the artifact to import, {uri}, does not exist.")
        metadata = placeholders.fill(dict(importer.metadata), self._scalars, self._inputs)
        artifact = runtime_artifact(self._context, importer.type, uri, parameters.whole(metadata))
        return Outcome("SUCCEEDED", artifacts={name: [artifact] for name in self._component.output_artifacts})

    def _execute(self, container: Container) -> Outcome:
        context = self._context
        key = ""
        if self._task.cache:
            key = execution_key(
                context.settings,
                f"{context.parent}/{context.pipeline}",
                self._component,
                container,
                self._inputs,
                self._artifacts,
                self._task.cache_key,
            )
            entry = context.cache.find(key)
            if entry is not None:
                return Outcome("SKIPPED", entry["parameters"], entry["artifacts"])
        attempt = 0
        while True:
            try:
                outcome = self._attempt(container, attempt)
                break
            except TaskError:
                if attempt >= self._task.retry.count or self._cancelled.wait(self._task.retry.wait(attempt)):
                    raise
                attempt += 1
        if key:
            try:
                context.cache.keep(key, outcome.parameters, outcome.artifacts)
            except OSError:
                # The task has done its work: a full disk costs only its reuse.
                _LOG.warning("Task %s could not be added to the cache", self.unique_name, exc_info=True)
        return outcome

    def _attempt(self, container: Container, attempt: int) -> Outcome:
        context = self._context
        folder = context.folder / self.unique_name
        if attempt:
            self.failed_jobs.append(self.main_job)
            folder = folder / f"retry-{attempt}"
            # Launchers resume what an output file of theirs names, which here is the job that failed.
            shutil.rmtree(mount.local_path(context.settings, self._uri), ignore_errors=True)
        job_id = names.fresh_id()
        self.main_job = f"{context.parent}/customJobs/{job_id}"
        self._report(self)
        outputs = self._output_slots()
        executor_input: Json = {
            "inputs": {
                "parameterValues": self._inputs,
                "artifacts": {name: {"artifacts": items} for name, items in self._artifacts.items()},
            },
            "outputs": outputs,
        }
        scratch = folder / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        log = folder / "log.txt"
        log.touch()
        logging.publish(context.settings, job_id, log)
        scope = placeholders.Scope(
            self._scalars,
            executor_input,
            lambda uri: mount.visible_path(context.settings, uri),
            {name: "" for name, item in self._component.parameters.items() if item.kind == "STRING"},
        )
        if self._templates:
            filled = {name: placeholders.render(text, scope) for name, text in self._templates.items()}
            executor_input = {
                **executor_input,
                "inputs": {**executor_input["inputs"], "parameterValues": {**self._inputs, **filled}},
            }
            scope = dataclasses.replace(scope, executor_input=executor_input)
        (folder / "executor_input.json").write_bytes(orjson.dumps(executor_input, option=orjson.OPT_INDENT_2))
        # An empty word stands for the entry point of the image.
        words = placeholders.command_line([*container.command, *container.args], scope)
        command = words if container.command else ["", *words]
        environment = {
            "CLOUD_ML_JOB_ID": job_id,
            "CLOUD_ML_PROJECT_ID": context.parent.split("/")[1],
            "TMPDIR": str(scratch),
            "VERTEX_AI_PIPELINES_RUN_LABELS": json.dumps(dict(context.labels)),
        }
        environment.update({name: placeholders.render(value, scope) for name, value in container.env})
        code = self._run_process(container.image, command, environment, log, folder)
        shutil.rmtree(scratch, ignore_errors=True)
        if code:
            tail = containers.log_tail(log) or "(it wrote nothing)"
            began = launched.failures(context.settings, outputs)
            full = disk.full(context.settings.home.root)
            raise TaskError(
                f"the container {containers.exit_reason(code)}."
                + (f" {full}" if full else "")
                + (f" What it began has failed:\n{began}\n" if began else "")
                + f" The end of its log:\n{tail}\nWhole log: {log}"
                + ("" if context.settings.containers or "/gcs/" not in tail else _NO_MOUNT)
            )
        try:
            return self._collect(outputs)
        except TaskError as error:
            raise TaskError(f"{error}\nWhole log: {log}") from None

    def _run_process(
        self, image: str, command: list[str], environment: Mapping[str, str], log: Path, folder: Path
    ) -> int:
        if self._cancelled.is_set():
            raise TaskError("it was cancelled.")
        try:
            self._process = ContainerProcess.start(
                self._context.settings, command, environment=environment, log=log, cwd=folder, image=image
            )
        except FileNotFoundError:
            raise TaskError(
                f"the program {command[0]!r} was not found. The sandbox runs containers as processes of this"
                " machine: install it here, or use a command that is here."
            ) from None
        except ValueError as error:
            raise TaskError(f"its command line or environment cannot be passed on: {error}.") from None
        if self._cancelled.is_set():
            self._process.stop(GRACE)
        code = self._process.wait()
        if self._cancelled.is_set():
            raise TaskError("it was cancelled.")
        return code

    def _output_slots(self) -> Json:
        settings = self._context.settings
        mount.local_path(settings, self._uri).mkdir(parents=True, exist_ok=True)
        folder = mount.visible_path(settings, self._uri)
        artifacts = {}
        for name, kind in self._component.output_artifacts.items():
            artifacts[name] = {"artifacts": [runtime_artifact(self._context, kind, f"{self._uri}/{name}")]}
        return {
            "parameters": {name: {"outputFile": f"{folder}/{name}"} for name in self._component.output_parameters},
            "artifacts": artifacts,
            "outputFile": f"{folder}/executor_output.json",
        }

    def _collect(self, outputs: Json) -> Outcome:
        """Reads what the container wrote.

        Raises:
            TaskError: A declared output parameter is missing or malformed.
        """
        folder = mount.local_path(self._context.settings, self._uri)
        written = _read_output(folder / "executor_output.json")
        found: Json = {}
        for name, definition in self._component.output_parameters.items():
            file = folder / name
            given = written.get("parameterValues", {})
            try:
                if name in given:
                    found[name] = parameters.convert(given[name], definition, name)
                elif file.is_file():
                    text = _bounded(file).decode()
                    found[name] = parameters.decode(text, definition.kind, name)
                else:
                    raise TaskError(f"it ended without writing its output parameter {name!r} ({definition.kind}).")
            except (parameters.ParameterError, UnicodeDecodeError) as error:
                raise TaskError(f"output parameter {name!r} cannot be read: {error}") from None
        artifacts: dict[str, list[Json]] = {}
        for name, slot in outputs["artifacts"].items():
            artifact = dict(slot["artifacts"][0])
            changed = written.get("artifacts", {}).get(name, {}).get("artifacts", [])
            if changed:
                artifact["uri"] = changed[0].get("uri") or artifact["uri"]
                artifact["metadata"] = changed[0].get("metadata") or artifact["metadata"]
            artifacts[name] = [artifact]
        return Outcome("SUCCEEDED", found, artifacts)


def _bounded(file: Path) -> bytes:
    if file.stat().st_size > LARGEST_OUTPUT:
        raise TaskError(f"its output file {file} has more than {LARGEST_OUTPUT} bytes.")
    return file.read_bytes()


def _read_output(file: Path) -> Json:
    if not file.is_file():
        return {}
    try:
        value = json.loads(_bounded(file))
    except (ValueError, RecursionError) as error:
        raise TaskError(f"its output file {file} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise TaskError(f"its output file {file} is not a JSON object.")
    return value


def _system_reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk is full ({error}): make room below the sandbox's home, then run again."
        case errno.E2BIG:
            return "its command line is longer than this system allows: pass large inputs as artifacts."
        case errno.EACCES | errno.EROFS | errno.EPERM:
            return f"nothing can be written there ({error}): change the permissions, then run again."
    return f"the system refused: {error}."
