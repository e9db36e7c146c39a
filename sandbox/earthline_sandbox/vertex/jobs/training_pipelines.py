"""Training pipelines: a custom job, then the upload of the model that it wrote.

They are what `CustomTrainingJob`, `CustomContainerTrainingJob` and `CustomPythonPackageTrainingJob` of the client run.
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.trainingPipelines has the resource,
https://cloud.google.com/vertex-ai/docs/training/create-training-pipeline what its steps are.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.jobs import custom_jobs, jobs
from earthline_sandbox.vertex.jobs.custom_jobs import CustomJobs
from earthline_sandbox.vertex.models import models
from earthline_sandbox.vertex.models.models import Models
from earthline_sandbox.vertex.pipelines import parameters
from earthline_sandbox.vertex.rest import messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call
from earthline_sandbox.vertex.rest.store import Record, Store

KIND: Final = "trainingPipelines"
CUSTOM_TASK: Final = "gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml"
"""The one kind of training that runs here; the others are AutoML's."""

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


class TrainingPipelines(jobs.Jobs):
    """Training pipelines in the store and the threads that follow those that run."""

    states = "PIPELINE_STATE_"
    noun = "pipeline"
    cut_off = "The sandbox ended while the pipeline ran, and its job with it. Create it again."
    shows_cancelling = True

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
        super().__init__(settings, store, operations, KIND)
        self._models = registry
        self._custom_jobs = custom

    def status(self) -> dict[str, Any]:
        """Names of the running pipelines."""
        return {"running": sorted(super().status())}

    def _create(self, call: Call) -> Record:
        pipeline = call.message("TrainingPipeline")
        messages.require(pipeline, "displayName", "trainingTaskDefinition", "trainingTaskInputs")
        names.check_display_name(pipeline)
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
        return self._launch(call.place, pipeline, spec)

    def _check_model(self, place: names.Place, pipeline: Record, spec: Mapping[str, Any]) -> None:
        models.check({"model": pipeline["modelToUpload"]})
        self._models.target(place, pipeline)
        if not pipeline["modelToUpload"].get("artifactUri") and not spec.get("baseOutputDirectory"):
            raise invalid(
                "modelToUpload is given, but trainingTaskInputs.baseOutputDirectory is not: the model is taken from the"
                " folder 'model' below it, where AIP_MODEL_DIR leads the training code."
            )

    def _launch(self, place: names.Place, pipeline: Record, spec: Mapping[str, Any]) -> Record:
        name = f"{place.parent}/{KIND}/{names.fresh_id()}"
        title = f"{pipeline['displayName'][: names.LONGEST_DISPLAY_NAME - 11]}-custom-job"
        job = {"displayName": title, "jobSpec": spec, "labels": pipeline.get("labels")}
        backing, ended = self._custom_jobs.launch(place.parent, job)
        fields = {key: pipeline[key] for key in _KEPT if pipeline.get(key)}
        fields["trainingTaskMetadata"] = {"backingCustomJob": backing["name"]}

        def upload() -> Record:
            return self._upload(place, {"name": name, **fields}, spec)

        run = _TrainingRun(self._store, self._custom_jobs, backing["name"], ended, upload)
        return self._begin(name, fields, run, running=True)

    def _upload(self, place: names.Place, record: Record, spec: Mapping[str, Any]) -> Record:
        """Uploads the model that the training wrote; gives the fields of the record that describe it."""
        if "modelToUpload" not in record:
            return {}
        model = {**record["modelToUpload"], "trainingPipeline": record["name"]}
        if not model.get("artifactUri"):
            model["artifactUri"] = f"{spec['baseOutputDirectory']['outputUriPrefix'].rstrip('/')}/model"
        made = self._models.add(self._models.target(place, record), model)
        uploaded = self._models.version(f"{made['model']}@{made['modelVersionId']}")
        return {"modelToUpload": {key: value for key, value in uploaded.items() if key != "deployedModels"}}


class _TrainingRun:
    """The work of one training pipeline: its custom job, which has begun already, and the upload of the model."""

    def __init__(
        self, store: Store, custom: CustomJobs, backing: str, ended: Future[None], upload: Callable[[], Record]
    ) -> None:
        """Follows a custom job.

        Args:
            store: Where its record is.
            custom: Runs it.
            backing: Its name.
            ended: Done when it has ended.
            upload: Uploads the model; gives the fields of the pipeline's record that describe it.
        """
        self._store = store
        self._custom_jobs = custom
        self._backing = backing
        self._ended = ended
        self._upload = upload
        self._uploaded: Record = {}

    def start(self) -> None:
        """Nothing: the custom job runs."""

    def wait(self) -> None:
        """Waits for the custom job, then uploads the model.

        Raises:
            ApiError: The custom job's own error, or what keeps the model from being uploaded.
        """
        self._ended.result()
        job = self._store.get(self._backing)
        if job["state"] != "JOB_STATE_SUCCEEDED":
            raise ApiError.from_rpc_status(job.get("error", {}))
        self._uploaded = self._upload()

    def stop(self, verdict: ApiError) -> None:
        """Ends the custom job with that error. A model that is being uploaded already is uploaded."""
        self._custom_jobs.end(self._backing, verdict)

    def status(self) -> dict[str, Any]:
        """The custom job."""
        return {"customJob": self._backing}

    def outcome(self) -> Record:
        """The fields that describe the uploaded model."""
        return self._uploaded


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
