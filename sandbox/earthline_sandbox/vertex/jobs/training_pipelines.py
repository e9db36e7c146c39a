"""Training pipelines: a custom job, and the model that is uploaded of what it leaves.

They are what `CustomTrainingJob`, `CustomContainerTrainingJob` and `CustomPythonPackageTrainingJob` of the client run.
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.trainingPipelines has the resource,
https://cloud.google.com/vertex-ai/docs/training/create-training-pipeline what its steps are.
"""

import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final

from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.jobs import custom_jobs, jobs
from earthline_sandbox.vertex.jobs.custom_jobs import CustomJobs
from earthline_sandbox.vertex.models import models
from earthline_sandbox.vertex.models.models import Models
from earthline_sandbox.vertex.pipelines import parameters
from earthline_sandbox.vertex.rest import listing, messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call, route
from earthline_sandbox.vertex.rest.store import Record, Store

KIND: Final = "trainingPipelines"
CUSTOM_TASK: Final = "gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml"
"""The one kind of training that runs here; the others are AutoML's."""

FINAL_STATES: Final = frozenset(
    {"PIPELINE_STATE_SUCCEEDED", "PIPELINE_STATE_FAILED", "PIPELINE_STATE_CANCELLED"},
)

_KEPT: Final = (
    "displayName",
    "trainingTaskDefinition",
    "trainingTaskInputs",
    "modelToUpload",
    "modelId",
    "parentModel",
    "labels",
    "encryptionSpec",
)
_LOG: Final = logging.getLogger(__name__)


class TrainingPipelines:
    """Training pipelines in the store and the threads that follow those that run."""

    def __init__(
        self, settings: Settings, store: Store, operations: Operations, registry: Models, custom: CustomJobs
    ) -> None:
        """Serves the training pipelines in `store`.

        Args:
            settings: The sandbox.
            store: Where the records are.
            operations: Where deletions are answered from.
            registry: Where models are uploaded to.
            custom: Runs the training.
        """
        self._settings = settings
        self._store = store
        self._operations = operations
        self._models = registry
        self._custom_jobs = custom
        self._running: set[str] = set()

    def routes(self) -> list[Route]:
        """Routes of PipelineService for training pipelines."""
        settings = self._settings
        return [
            route(settings, "POST", KIND, self._create),
            route(settings, "GET", KIND, self._list),
            route(settings, "POST", f"{KIND}/{{pipeline}}:cancel", self._cancel),
            route(settings, "GET", f"{KIND}/{{pipeline}}", self._get),
            route(settings, "DELETE", f"{KIND}/{{pipeline}}", self._delete),
        ]

    async def start(self) -> None:
        """Fails the pipelines that the end of the last sandbox cut off."""
        error = ApiError("ABORTED", "The sandbox ended while the pipeline ran, and its job with it. Create it again.")
        for name, record in list(self._store.every(KIND)):
            if record["state"] not in FINAL_STATES:
                self._end(name, "PIPELINE_STATE_FAILED", error)

    async def stop(self) -> None:
        """Nothing to end: the custom jobs are ended by their own part."""

    async def reset(self) -> None:
        """Nothing to end; the records go with the store."""

    def busy(self) -> bool:
        """True while a pipeline runs."""
        return bool(self._running)

    def status(self) -> dict[str, Any]:
        """Names of the running pipelines."""
        return {"running": sorted(self._running)}

    def _create(self, call: Call) -> Record:
        pipeline = call.message("TrainingPipeline")
        messages.require(pipeline, "displayName", "trainingTaskDefinition", "trainingTaskInputs")
        jobs.check_name(pipeline)
        if pipeline["trainingTaskDefinition"] != CUSTOM_TASK:
            raise invalid(
                f"trainingTaskDefinition {pipeline['trainingTaskDefinition']!r} is not supported: the sandbox runs"
                f" custom training alone, which is {CUSTOM_TASK}."
            )
        if pipeline.get("inputDataConfig"):
            raise invalid(
                "inputDataConfig is not supported: the sandbox has no managed datasets. Let the training code read its"
                " data from Cloud Storage."
            )
        if not isinstance(pipeline["trainingTaskInputs"], Mapping):
            raise invalid("trainingTaskInputs must be an object with the fields of a CustomJobSpec.")
        # The definition's own schema has the fields of this message.
        spec = messages.validate("CustomJobSpec", _with_texts(pipeline["trainingTaskInputs"]))
        messages.require(spec, "workerPoolSpecs")
        custom_jobs.check(spec)
        if "modelToUpload" in pipeline:
            self._check_model(call.place, pipeline, spec)
        return self._begin(call.place, pipeline, spec)

    def _check_model(self, place: names.Place, pipeline: Record, spec: Mapping[str, Any]) -> None:
        models.check({"model": pipeline["modelToUpload"]})
        self._models.target(place, pipeline)
        if not pipeline["modelToUpload"].get("artifactUri") and not spec.get("baseOutputDirectory"):
            raise invalid(
                "modelToUpload is given, but trainingTaskInputs.baseOutputDirectory is not: the model is taken from the"
                " folder 'model' below it, where AIP_MODEL_DIR leads the training code."
            )

    def _begin(self, place: names.Place, pipeline: Record, spec: Mapping[str, Any]) -> Record:
        name = f"{place.parent}/{KIND}/{names.fresh_id()}"
        title = f"{pipeline['displayName'][: jobs.LONGEST_NAME - 11]}-custom-job"
        job = {"displayName": title, "jobSpec": spec, "labels": pipeline.get("labels")}
        job_record, ended = self._custom_jobs.launch(place.parent, job)
        moment = names.now()
        record = {
            "name": name,
            **{key: pipeline[key] for key in _KEPT if pipeline.get(key)},
            "trainingTaskMetadata": {"backingCustomJob": job_record["name"]},
            "state": "PIPELINE_STATE_RUNNING",
            "createTime": moment,
            "startTime": moment,
            "updateTime": moment,
        }
        self._running.add(name)
        self._store.put(name, record)
        follow = (place, name, job_record["name"], ended)
        threading.Thread(target=self._follow, args=follow, name=f"training-{name[-19:]}", daemon=True).start()
        return record

    def _follow(self, place: names.Place, name: str, backing: str, ended: Future[None]) -> None:
        ended.result()
        try:
            job = self._store.get(backing)
            if job["state"] == "JOB_STATE_SUCCEEDED":
                self._change(name, **self._upload(place, name, job["jobSpec"]))
                self._end(name, "PIPELINE_STATE_SUCCEEDED", None)
            else:
                # The states of jobs and of pipelines have the same names behind their beginnings.
                self._change(name, error=job.get("error", {}))
                self._end(name, job["state"].replace("JOB_", "PIPELINE_", 1), None)
        except ApiError as error:
            self._end(name, "PIPELINE_STATE_FAILED", error)
        except Exception as error:
            _LOG.exception("%s failed", name)
            fault = ApiError("INTERNAL", f"The sandbox failed: {type(error).__name__}: {error}.")
            self._end(name, "PIPELINE_STATE_FAILED", fault)
        finally:
            self._running.discard(name)

    def _upload(self, place: names.Place, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Uploads the model that the training left; gives the fields of the record that tell of it."""
        record = self._store.get(name)
        if "modelToUpload" not in record:
            return {}
        model = {**record["modelToUpload"], "trainingPipeline": name}
        if not model.get("artifactUri"):
            model["artifactUri"] = f"{spec['baseOutputDirectory']['outputUriPrefix'].rstrip('/')}/model"
        made = self._models.add(self._models.target(place, record), model)
        uploaded = self._models.version(f"{made['model']}@{made['modelVersionId']}")
        return {"modelToUpload": {key: value for key, value in uploaded.items() if key != "deployedModels"}}

    def _change(self, name: str, **fields: Any) -> None:
        try:
            self._store.update(name, lambda record: record.update(fields, updateTime=names.now()))
        except ApiError as error:
            if error.status != "NOT_FOUND":
                raise
            # Reset meanwhile: nobody waits for it.

    def _end(self, name: str, state: str, error: ApiError | None) -> None:
        fields: dict[str, Any] = {"state": state, "endTime": names.now()}
        if error is not None:
            fields["error"] = error.to_rpc_status()
        self._change(name, **fields)

    def _name(self, call: Call) -> str:
        return f"{call.parent}/{KIND}/{call.path['pipeline']}"

    def _get(self, call: Call) -> Record:
        return self._store.get(self._name(call))

    def _list(self, call: Call) -> Record:
        return listing.page(self._store.list(call.parent, KIND)[::-1], KIND, call.parameter)

    def _cancel(self, call: Call) -> Record:
        def change(record: Record) -> None:
            if record["state"] in FINAL_STATES:
                raise ApiError("FAILED_PRECONDITION", f"The pipeline {record['name']} has ended: {record['state']}.")
            record.update(state="PIPELINE_STATE_CANCELLING", updateTime=names.now())

        record = self._store.update(self._name(call), change)
        try:
            self._custom_jobs.cancel(record["trainingTaskMetadata"]["backingCustomJob"])
        except ApiError as error:
            if error.status != "FAILED_PRECONDITION":
                raise
            # The training is over, and its model is being uploaded: that goes on.
        return {}

    def _delete(self, call: Call) -> Record:
        record = self._store.get(self._name(call))
        if record["state"] not in FINAL_STATES:
            raise ApiError(
                "FAILED_PRECONDITION", f"The pipeline {record['name']} is {record['state']}: cancel it first."
            )
        self._store.delete(record["name"])
        return self._operations.done(record["name"], "DeleteOperationMetadata", "Empty", {})


def _with_texts(inputs: Mapping[str, Any]) -> Record:
    """Task inputs whose containers' arguments are texts: the client passes numbers on, and JSON's are all floats."""
    found: Record = json.loads(json.dumps(inputs))
    pools: Any = next((found[key] for key in ("worker_pool_specs", "workerPoolSpecs") if key in found), [])
    for pool in pools if isinstance(pools, list) else []:
        for key in ("python_package_spec", "pythonPackageSpec", "container_spec", "containerSpec"):
            spec = pool.get(key) if isinstance(pool, dict) else None
            if isinstance(spec, dict) and isinstance(spec.get("args"), list):
                spec["args"] = [_text(item) for item in spec["args"]]
    return found


def _text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(parameters.whole(value))
