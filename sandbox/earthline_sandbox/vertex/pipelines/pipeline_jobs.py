"""`pipelineJobs` of Vertex AI: create, get, list, cancel, delete; each running job has a thread."""

import copy
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import mount
from earthline_sandbox.vertex.logs import logging as cloud_logging
from earthline_sandbox.vertex.pipelines import compiled, lineage, parameters
from earthline_sandbox.vertex.pipelines.cache import Cache
from earthline_sandbox.vertex.pipelines.interpreter import Interpreter
from earthline_sandbox.vertex.pipelines.job_record import TERMINAL, JobRecord, interrupt
from earthline_sandbox.vertex.pipelines.specification import Pipeline
from earthline_sandbox.vertex.pipelines.tasks import JobContext
from earthline_sandbox.vertex.rest import messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.resources import Resources
from earthline_sandbox.vertex.rest.routes import Call, route
from earthline_sandbox.vertex.rest.store import Store

KIND: Final = "pipelineJobs"
STOPPED: Final = "sandbox stopped while running"
"""Why a job failed that ran when the sandbox ended."""

PARALLEL_TASKS: Final = max(8, 4 * (os.cpu_count() or 1))
"""Task processes that run at the same time at most; the others wait as pending."""

_LOG: Final = logging.getLogger(__name__)
_JOB_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,126}[a-z0-9]|[a-z0-9]")
_LABEL: Final = re.compile(r"[a-z0-9_-]{0,63}")
_SECONDS_TO_STOP: Final = 15.0

Json = dict[str, Any]


@dataclass(frozen=True)
class _Accepted:
    """A job that has been checked.

    Attributes:
        pipeline: What it runs.
        inputs: Input parameters, converted and with defaults.
        artifacts: Input artifacts, as `RuntimeArtifact` JSON.
        context: What its tasks share.
    """

    pipeline: Pipeline
    inputs: Json
    artifacts: dict[str, list[Json]]
    context: JobContext


class _Run:
    """A job that is under way."""

    def __init__(self, record: JobRecord, interpreter: Interpreter, thread: threading.Thread) -> None:
        self.record = record
        self.interpreter = interpreter
        self.thread = thread


class PipelineJobs(Resources):
    """Pipeline jobs of every place, with the cache that they share."""

    absent = "The PipelineJob does not exist: {name}."

    def __init__(self, settings: Settings, store: Store, operations: Operations) -> None:
        """Serves the jobs in `store`; deletions are answered by `operations`."""
        super().__init__(settings, store, operations, KIND)
        self._cache = Cache(settings)
        self._folder = settings.home.vertex / "jobs"
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._pool = ThreadPoolExecutor(PARALLEL_TASKS, thread_name_prefix="pipeline-task")

    def routes(self) -> list[Route]:
        """Routes of the collection and of one job."""
        settings = self._settings
        return [
            *super().routes(),
            route(settings, "POST", f"{KIND}:batchDelete", self._batch_delete),
            route(settings, "POST", f"{KIND}:batchCancel", self._batch_cancel),
            self._verb("cancel", self._cancel),
        ]

    async def start(self) -> None:
        """Fails jobs that ran when the last sandbox ended; what they had finished is in the cache."""
        for name, record in self._store.every(KIND):
            if record.get("state") not in TERMINAL:
                interrupt(record, f"{STOPPED}: run the pipeline again; finished tasks come from the cache.")
                self._store.put(name, record)

    async def stop(self) -> None:
        """Ends running jobs; their records say why."""
        await run_in_threadpool(self._end_all)

    async def reset(self) -> None:
        """Ends running jobs and forgets all jobs, their folders and the cache."""
        await run_in_threadpool(self._end_all)
        for name, _ in list(self._store.every(KIND)):
            self._store.delete(name)
        self._cache.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def busy(self) -> bool:
        """True while a job runs."""
        return bool(self._runs)

    def status(self) -> dict[str, Any]:
        """Running jobs, and how many there are in all."""
        with self._lock:
            running = [{"name": name, "state": run.record.state} for name, run in self._runs.items()]
        return {"running": running, "total": sum(1 for _ in self._store.every(KIND))}

    def _create(self, call: Call) -> Json:
        return self.submit(call.place, call.message("PipelineJob"), call.parameter("pipelineJobId"))

    def submit(
        self, place: names.Place, record: Json, chosen_id: str = "", *, schedule: str = "", due: str = ""
    ) -> Json:
        """Accepts a job and begins it.

        Args:
            place: Where it runs.
            record: The PipelineJob as the client sent it; completed in place.
            chosen_id: Its id; empty for one that is made up.
            schedule: Resource name of the schedule that starts it.
            due: The moment that the schedule started it for, as RFC 3339.

        Raises:
            ApiError: INVALID_ARGUMENT for whatever is malformed or not supported, ALREADY_EXISTS for a taken id.
        """
        accepted = self._accept(place, record, chosen_id, due)
        if schedule:
            record["scheduleName"] = schedule
        name = accepted.context.name
        if not self._store.create(name, record):
            raise ApiError("ALREADY_EXISTS", f"The pipeline job {name} exists already: choose another pipelineJobId.")
        kept = JobRecord(self._store, record)
        answer = kept.snapshot()
        policy = record.get("runtimeConfig", {}).get("failurePolicy", "")
        fail_fast = policy == "PIPELINE_FAILURE_POLICY_FAIL_FAST"
        interpreter = Interpreter(accepted.pipeline, accepted.context, kept, self._pool, fail_fast)
        thread = threading.Thread(
            target=self._run,
            args=(interpreter, kept, accepted),
            name=f"job-{accepted.context.job_id}",
            daemon=True,
        )
        with self._lock:
            self._runs[name] = _Run(kept, interpreter, thread)
        thread.start()
        return answer

    def _list(self, call: Call) -> Json:
        """A page, of which `readMask` chooses the fields."""
        answer = super()._list(call)
        mask = [messages.camel(field.strip()) for field in call.parameter("readMask").split(",") if field.strip()]
        if mask and "*" not in mask:
            # A mask may name a field inside another: the whole of the outer one is given.
            fields = {field.partition(".")[0] for field in mask}
            answer[KIND] = [{key: job[key] for key in job if key in fields} for job in answer[KIND]]
        return answer

    def _cancel(self, call: Call) -> Json:
        self._begin_to_end(self._name(call))
        return {}

    def _batch_cancel(self, call: Call) -> Json:
        chosen = self._chosen(call)
        for name in chosen:
            self._begin_to_end(name)
        answer = {KIND: [self._read(name) for name in chosen]}
        return self._operations.done(
            chosen[0], "BatchCancelPipelineJobsOperationMetadata", "BatchCancelPipelineJobsResponse", answer
        )

    def _delete(self, call: Call) -> Json:
        name = self._name(call)
        self._remove(name)
        return self._deleted(name)

    def _batch_delete(self, call: Call) -> Json:
        """Deletes several jobs, or none of them where one cannot be."""
        chosen = self._chosen(call)
        answer = {KIND: [self._read(name) for name in chosen]}
        for name in chosen:
            self._refuse_running(name)
        for name in chosen:
            self._remove(name)
        return self._operations.done(chosen[0], "DeleteOperationMetadata", "BatchDeletePipelineJobsResponse", answer)

    def check(self, place: names.Place, record: Json) -> str:
        """Checks a job as `submit` does, without beginning it; gives the name of its pipeline.

        Raises:
            ApiError: INVALID_ARGUMENT for whatever is malformed or not supported.
        """
        return self._accept(place, copy.deepcopy(record), "", "").pipeline.name

    def is_active(self, name: str) -> bool:
        """True for a job that has not ended."""
        return name in self._runs

    def _accept(self, place: names.Place, record: Json, chosen_id: str, due: str) -> _Accepted:
        """Checks a job and completes its record."""
        settings = self._settings
        if record.get("templateUri") and not record.get("pipelineSpec"):
            raise invalid(
                "templateUri is given without pipelineSpec: the sandbox reads no template registry, and Vertex AI reads"
                " no other place. Pass the compiled pipeline itself, as aiplatform.PipelineJob(template_path=FILE)"
                " does, where FILE may be a gs:// uri."
            )
        messages.require(record, "pipelineSpec")
        spec = record["pipelineSpec"]
        pipeline = compiled.read(spec, entry_points=bool(settings.containers))
        config = record.setdefault("runtimeConfig", {})
        root = (config.get("gcsOutputDirectory") or pipeline.default_root).rstrip("/")
        mount.check_root(settings, root)
        config["gcsOutputDirectory"] = root
        if config.get("parameters"):
            raise invalid("runtimeConfig.parameters is of schema 2.0: pass parameterValues.")
        artifacts = lineage.inputs(self._store, place.parent, config.get("inputArtifacts", {}), pipeline.root.artifacts)
        try:
            inputs = parameters.resolve_inputs(
                config.get("parameterValues", {}), pipeline.root.parameters, f"The pipeline {pipeline.name!r}"
            )
        except parameters.ParameterError as error:
            raise invalid(f"runtimeConfig.parameterValues: {error}") from None
        moment = names.now()
        job_id = self._job_id(chosen_id, pipeline.name, moment)
        labels = record.setdefault("labels", {})
        for key, value in labels.items():
            if not key or not _LABEL.fullmatch(key) or not _LABEL.fullmatch(value):
                raise invalid(
                    f"The label {key!r}: {value!r} is not valid: up to 63 lower-case letters, digits, hyphens and"
                    " underscores each."
                )
        number = names.fresh_id()
        labels.setdefault("vertex-ai-pipelines-run-billing-id", number)
        name = f"{place.parent}/{KIND}/{job_id}"
        record.update(
            name=name,
            displayName=record.get("displayName") or job_id,
            createTime=moment,
            updateTime=moment,
            state="PIPELINE_STATE_PENDING",
            serviceAccount=record.get("serviceAccount")
            or f"{place.project_number}-compute@developer.gserviceaccount.com",
        )
        for output in ("startTime", "endTime", "error", "jobDetail", "scheduleName"):
            record.pop(output, None)
        scalars = {
            "pipeline_encryption_key_name": record.get("encryptionSpec", {}).get("kmsKeyName", ""),
            "pipeline_google_cloud_location": place.location,
            "pipeline_google_cloud_project_id": self._project_id(place.project_number),
            "pipeline_job_create_time_utc": moment,
            "pipeline_job_name": job_id,
            "pipeline_job_resource_name": name,
            "pipeline_job_schedule_time_utc": due or moment,
            "pipeline_job_uuid": number,
            "pipeline_network": record.get("network", ""),
            "pipeline_persistent_resource_id": "",
            "pipeline_root": root,
            "pipeline_service_account": record["serviceAccount"],
        }
        context = JobContext(
            settings,
            place.parent,
            job_id,
            pipeline.name,
            root,
            scalars,
            dict(labels),
            self._folder / job_id,
            self._cache,
        )
        return _Accepted(pipeline, inputs, artifacts, context)

    def _job_id(self, chosen: str, pipeline: str, moment: str) -> str:
        if not chosen:
            stem = re.sub(r"[^a-z0-9-]+", "-", pipeline.lower()).strip("-") or "pipeline"
            return f"{stem[:100]}-{re.sub(r'[^0-9]', '', moment)}"
        if not _JOB_ID.fullmatch(chosen):
            raise invalid(
                f"pipelineJobId {chosen!r} is not valid: up to 128 lower-case letters, digits and hyphens, the first"
                " and last a letter or digit."
            )
        return chosen

    def _project_id(self, number: str) -> str:
        return self._settings.project if number == self._settings.project_number else number

    def _run(self, interpreter: Interpreter, record: JobRecord, accepted: _Accepted) -> None:
        try:
            interpreter.run(accepted.inputs, accepted.artifacts)
        except Exception as fault:
            _LOG.exception("The interpreter of %s failed", record.name)
            reason = f"The sandbox failed: {type(fault).__name__}: {fault}. Its log has the traceback."
            record.change_state("PIPELINE_STATE_FAILED", ApiError("INTERNAL", reason))
        finally:
            # A record that a full disk kept from being written lives on in memory.
            if not record.dirty:
                with self._lock:
                    self._runs.pop(record.name, None)

    def _chosen(self, call: Call) -> list[str]:
        given = messages.json_object(call.body).get("names")
        if not isinstance(given, Iterable) or isinstance(given, str) or not given:
            raise invalid("names is empty: give the resource names of the pipeline jobs.")
        chosen = [names.normalise(self._settings, str(name), call.place, KIND) for name in given]
        for name in chosen:
            self._read(name)
        return chosen

    def _present(self, record: Json) -> Json:
        run = self._runs.get(record["name"])
        return run.record.snapshot() if run is not None else record

    def _read(self, name: str) -> Json:
        run = self._runs.get(name)
        return run.record.snapshot() if run is not None else super()._read(name)

    def _begin_to_end(self, name: str) -> None:
        """Begins to end a job; one that has ended stays as it is."""
        run = self._runs.get(name)
        if run is None:
            self._read(name)
            return
        run.record.change_state("PIPELINE_STATE_CANCELLING")
        run.interpreter.cancel()

    def _refuse_running(self, name: str) -> None:
        if self._read(name)["state"] not in TERMINAL:
            raise ApiError(
                "FAILED_PRECONDITION",
                f"The pipeline job {name} is running: cancel it, delete it when it has ended.",
            )

    def _remove(self, name: str) -> None:
        self._refuse_running(name)
        # What has just ended may still be a snapshot, whose tasks are texts.
        record = orjson.loads(orjson.dumps(self._read(name)))
        with self._lock:
            self._runs.pop(name, None)
        for task in record.get("jobDetail", {}).get("taskDetails", []):
            detail = task.get("executorDetail", {}).get("containerDetail", {})
            for job in [detail.get("mainJob", ""), *detail.get("failedMainJobs", [])]:
                if job:
                    cloud_logging.withdraw(self._settings, job.rpartition("/")[2])
        self._store.delete(name)
        shutil.rmtree(self._job_folder(name), ignore_errors=True)

    def _job_folder(self, name: str) -> Path:
        return self._folder / name.rpartition("/")[2]

    def _end_all(self) -> None:
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.record.change_state("PIPELINE_STATE_FAILED", ApiError("ABORTED", f"{STOPPED}: run the pipeline again."))
            run.interpreter.cancel()
        for run in runs:
            run.thread.join(_SECONDS_TO_STOP)
