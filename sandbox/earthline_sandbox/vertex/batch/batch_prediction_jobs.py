"""Batch prediction jobs: instances in Cloud Storage, through a model's container, to predictions in Cloud Storage.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs has the resource.
"""

from collections.abc import Mapping
from typing import Any, Final

from earthline_sandbox.errors import invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.batch import batch_formats, batch_instances
from earthline_sandbox.vertex.batch.batch_run import BatchRun
from earthline_sandbox.vertex.containers import machines, mount
from earthline_sandbox.vertex.jobs import jobs
from earthline_sandbox.vertex.models.models import Models, artifact_folder
from earthline_sandbox.vertex.rest import messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call
from earthline_sandbox.vertex.rest.store import Record, Store

_LONGEST_PART: Final = 255
_OUTPUT_ONLY: Final = frozenset(
    {"name", "state", "error", "outputInfo", "partialFailures", "resourcesConsumed", "completionStats"}
    | {"createTime", "startTime", "endTime", "updateTime", "modelVersionId"}
)


class BatchPredictionJobs(jobs.Jobs):
    """Batch prediction jobs in the store and the threads that follow those that run."""

    def __init__(self, settings: Settings, store: Store, operations: Operations, models: Models) -> None:
        """Serves the batch prediction jobs in `store`, with the models of `models`."""
        super().__init__(settings, store, operations, "batchPredictionJobs")
        self._models = models

    def _create(self, call: Call) -> Record:
        job = call.message("BatchPredictionJob")
        messages.require(job, "displayName", "inputConfig.instancesFormat", "outputConfig.predictionsFormat")
        names.check_display_name(job)
        _check(job)
        model = self._model(call, job)
        name = f"{call.parent}/batchPredictionJobs/{names.fresh_id()}"
        fields = {key: value for key, value in job.items() if key not in _OUTPUT_ONLY}
        if "name" in model:
            fields |= {"model": model["name"], "modelVersionId": model["versionId"]}
        return self._begin(name, fields, BatchRun(self._settings, name, job, model))

    def _model(self, call: Call, job: Mapping[str, Any]) -> Mapping[str, Any]:
        reference, unmanaged = job.get("model", ""), job.get("unmanagedContainerModel")
        if bool(reference) == bool(unmanaged):
            raise invalid("Exactly one of model and unmanagedContainerModel must be set.")
        if reference:
            return self._models.version(names.normalise(self._settings, reference, call.place, "models"))
        assert unmanaged is not None
        messages.require(unmanaged, "containerSpec.imageUri")
        if unmanaged.get("artifactUri"):
            artifact_folder(self._settings, unmanaged["artifactUri"])
        result: Mapping[str, Any] = unmanaged
        return result


def _check(job: Mapping[str, Any]) -> None:
    source, target = job["inputConfig"], job["outputConfig"]
    kind = source["instancesFormat"]
    if kind not in batch_formats.KINDS:
        known = ", ".join(sorted(batch_formats.KINDS))
        raise invalid(f"inputConfig.instancesFormat {kind!r} is not supported by the sandbox, which reads {known}.")
    if target["predictionsFormat"] != "jsonl":
        raise invalid(
            f"outputConfig.predictionsFormat {target['predictionsFormat']!r} is not supported by the sandbox, which"
            " writes jsonl."
        )
    messages.require(job, "inputConfig.gcsSource.uris", "outputConfig.gcsDestination.outputUriPrefix")
    prefix = target["gcsDestination"]["outputUriPrefix"]
    for uri in [*source["gcsSource"]["uris"], prefix]:
        if not mount.is_object(uri):
            raise invalid(f"{uri!r} is not a uri of Cloud Storage, which begins with gs:// and a bucket.")
    if any(len(part.encode()) > _LONGEST_PART for part in prefix.split("/")):
        raise invalid(f"outputConfig.gcsDestination.outputUriPrefix has a part of more than {_LONGEST_PART} bytes.")
    if job.get("generateExplanation"):
        raise invalid("generateExplanation is not supported by the sandbox: it runs models, not feature attributions.")
    batch_instances.check(job.get("instanceConfig", {}), kind)
    messages.require(job, "dedicatedResources.machineSpec.machineType")
    resources = job["dedicatedResources"]
    machines.check_serving(resources["machineSpec"], "dedicated_resources.machine_spec")
    for key in ("startingReplicaCount", "maxReplicaCount"):
        if resources.get(key, 0) < 0:
            raise invalid(f"dedicatedResources.{key} {resources[key]} is below 0.")
    size = job.get("manualBatchTuningParameters", {}).get("batchSize", 0)
    if size < 0:
        raise invalid(f"manualBatchTuningParameters.batchSize {size} is below 0.")
