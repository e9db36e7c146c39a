"""One run of a batch prediction: the model's container, the requests to it, and the files of predictions."""

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import httpx
import orjson

from earthline_sandbox.errors import RPC_CODES, ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.batch import batch_instances
from earthline_sandbox.vertex.batch.batch_instances import Instance
from earthline_sandbox.vertex.containers import mount
from earthline_sandbox.vertex.serving import prediction
from earthline_sandbox.vertex.serving.deployments import Deployment

BATCH_SIZE: Final = 64
"""Instances of one request where the job gives no number."""

REQUEST_TIMEOUT: Final = 600.0
"""Seconds that a request to the container may take."""

RESULTS: Final = "prediction.results-00000-of-00001"
ERRORS: Final = "prediction.errors_stats-00000-of-00001"
"""Names of the files, as they are for custom-trained models."""

_STRANGE: Final = re.compile(r"[^A-Za-z0-9_.-]")
_ATTEMPTS: Final = 3
_READY_PAUSE: Final = 0.05
_MOST_PARTIAL_FAILURES: Final = 20


class BatchRun:
    """The process and the files of one batch prediction job."""

    def __init__(self, settings: Settings, name: str, job: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        """Describes a run; nothing starts yet.

        Args:
            settings: The sandbox.
            name: Name of the job.
            job: `BatchPredictionJob` as JSON.
            model: The model version, or the unmanaged container model, that predicts.
        """
        self._settings = settings
        self._job = job
        identifier = name.rpartition("/")[2]
        home = settings.home.vertex
        self._folder = home / "batch_prediction_jobs" / identifier
        log = home / "logs" / f"{identifier}.log"
        self._server = Deployment(settings, name, "1", model, log, self._folder / "server")
        title = _STRANGE.sub("_", str(model.get("displayName", "unmanaged")))
        moment = datetime.now(UTC).strftime("%Y_%m_%dT%H_%M_%S_%f")[:-3]
        prefix = job["outputConfig"]["gcsDestination"]["outputUriPrefix"].rstrip("/")
        self._output = f"{prefix}/prediction-{title}-{moment}Z"
        self._target = mount.local_path(settings, self._output)
        self._published = False
        self._sources: list[Path] = []
        self._verdict: ApiError | None = None
        self._begun = time.monotonic()
        self._good = self._bad = 0
        self._whole = False
        self._partial: list[dict[str, Any]] = []
        self._first_error = ""

    def status(self) -> dict[str, Any]:
        """The server's state, and how many instances are done."""
        return {**self._server.status(), "predicted": self._good, "failed": self._bad}

    def outcome(self) -> dict[str, Any]:
        """Where the output lies, and statistics; the number of instances that were not reached is not known."""
        hours = (time.monotonic() - self._begun) / 3600
        found: dict[str, Any] = {
            "completionStats": {
                "successfulCount": str(self._good),
                "failedCount": str(self._bad),
                "incompleteCount": "0" if self._whole else "-1",
            },
            "resourcesConsumed": {"replicaHours": hours},
        }
        if self._published:
            found["outputInfo"] = {"gcsOutputDirectory": self._output}
        if self._partial:
            found["partialFailures"] = self._partial
        return found

    def start(self) -> None:
        """Finds the instances and starts the model's container.

        Raises:
            ApiError: INVALID_ARGUMENT or NOT_FOUND for the objects; FAILED_PRECONDITION where the container does not
                become healthy.
        """
        self._sources = batch_instances.find(self._settings, self._job["inputConfig"]["gcsSource"]["uris"])
        bucket = self._settings.home.storage / self._output.removeprefix(mount.SCHEME).partition("/")[0]
        if not bucket.is_dir():
            raise ApiError("NOT_FOUND", f"The bucket {bucket.name!r} of the output does not exist: create it first.")
        try:
            self._server.deploy()
        except ApiError as error:
            raise self._verdict or error from None

    def wait(self) -> None:
        """Predicts every instance.

        Raises:
            ApiError: What `stop` was given, or FAILED_PRECONDITION where not one instance succeeded. What was
                predicted until then is kept; nothing is left running.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with (self._folder / RESULTS).open("wb") as results, (self._folder / ERRORS).open("wb") as errors:
                self._predict_all(results, errors)
        finally:
            self._server.stop()
            self._publish()
            shutil.rmtree(self._folder, ignore_errors=True)
        self._whole = True
        if self._bad and not self._good:
            raise ApiError(
                "FAILED_PRECONDITION",
                f"Not one of {self._bad} instances could be predicted. The first error: {self._first_error}",
            )

    def stop(self, verdict: ApiError) -> None:
        """Makes `wait` end and raise `verdict`."""
        self._verdict = self._verdict or verdict
        threading.Thread(target=self._server.stop, daemon=True).start()

    def _publish(self) -> None:
        """Gives the files their names in Cloud Storage, where an object appears whole."""
        self._target.mkdir(parents=True, exist_ok=True)
        for name in (RESULTS, ERRORS):
            os.replace(self._folder / name, self._target / name)
        self._published = True

    def _instances(self) -> Iterator[Instance]:
        config, kind = self._job.get("instanceConfig", {}), self._job["inputConfig"]["instancesFormat"]
        for source in self._sources:
            try:
                yield from batch_instances.read(self._settings, source, kind, config)
            except (OSError, ApiError) as error:
                failure = error if isinstance(error, ApiError) else ApiError("UNAVAILABLE", f"{source.name}: {error}")
                self._partial = [*self._partial, failure.to_rpc_status()][:_MOST_PARTIAL_FAILURES]

    def _predict_all(self, results: IO[bytes], errors: IO[bytes]) -> None:
        size = self._job.get("manualBatchTuningParameters", {}).get("batchSize") or BATCH_SIZE
        instances = self._instances()
        with httpx.Client(trust_env=False, timeout=REQUEST_TIMEOUT) as client:
            while batch := list(islice(instances, size)):
                good = [instance for instance in batch if not instance.error]
                for instance in batch:
                    if instance.error:
                        self._fail(errors, instance, ApiError("INVALID_ARGUMENT", instance.error))
                if not good:
                    continue
                try:
                    answers = self._predict(client, [instance.sent for instance in good])
                except ApiError as error:
                    if self._verdict:
                        raise self._verdict from None
                    for instance in good:
                        self._fail(errors, instance, error)
                    continue
                for instance, answer in zip(good, answers, strict=True):
                    results.write(orjson.dumps({**instance.shown, "prediction": answer}) + b"\n")
                self._good += len(good)

    def _fail(self, errors: IO[bytes], instance: Instance, error: ApiError) -> None:
        self._bad += 1
        self._first_error = self._first_error or error.message
        status = {"code": RPC_CODES[error.status], "message": error.message}
        errors.write(orjson.dumps({**instance.shown, "error": status}) + b"\n")

    def _predict(self, client: httpx.Client, instances: Sequence[Any]) -> list[Any]:
        """The predictions of one request; a server that crashes meanwhile is asked again when it is back.

        Raises:
            ApiError: The container's refusal, or an answer that does not fit.
        """
        request = {"instances": instances}
        if "modelParameters" in self._job:
            request["parameters"] = self._job["modelParameters"]
        answer = self._post(client, orjson.dumps(request))
        if answer.status_code != 200:
            raise prediction.refusal(answer)
        try:
            predictions = orjson.loads(answer.content)["predictions"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            predictions = None
        if not isinstance(predictions, list) or len(predictions) != len(instances):
            raise ApiError(
                "FAILED_PRECONDITION",
                f"The container must answer {len(instances)} instances with as many predictions in a list, as"
                f" {{'predictions': [...]}}; it answered: {answer.text[:1000]}",
            )
        return predictions

    def _post(self, client: httpx.Client, body: bytes) -> httpx.Response:
        """Asks the server, up to `_ATTEMPTS` times where it breaks the connection.

        Raises:
            ApiError: UNAVAILABLE where it does so each time or does not come back; CANCELLED or what `stop` was given.
        """
        broken, reason = 0, ""
        deadline = time.monotonic() + self._server.timeout
        while broken < _ATTEMPTS:
            if self._verdict or self._server.stopped:
                raise self._verdict or ApiError("CANCELLED", "The batch prediction was cancelled.")
            if time.monotonic() > deadline:
                raise ApiError("UNAVAILABLE", f"The model server is down: {self._server.status().get('failure', '')}")
            if self._server.ready:
                url = self._server.address + self._server.predict_route
                try:
                    return client.post(url, content=body, headers={"content-type": "application/json"})
                except httpx.ConnectError:
                    pass  # nothing was sent: it has ended, and this is not noticed yet
                except httpx.TransportError as error:
                    broken, reason = broken + 1, type(error).__name__
                    deadline = time.monotonic() + self._server.timeout
            time.sleep(_READY_PAUSE)
        raise ApiError("UNAVAILABLE", f"The connection to the model server broke {_ATTEMPTS} times ({reason}).")
