"""Deployed models: the container contract of Vertex AI, kept as processes.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements has the contract. One process
serves one deployed model, whatever its replica count.
"""

import enum
import logging
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import containers
from earthline_sandbox.vertex.containers.processes import ContainerProcess
from earthline_sandbox.vertex.models.models import served_uri
from earthline_sandbox.vertex.rest import names
from earthline_sandbox.vertex.serving import grpc_health

DEPLOYMENT_TIMEOUT: Final = 300.0
"""Seconds until a server must be healthy where the model gives no deploymentTimeout."""

_HEALTH_PAUSES: Final = (0.05, 0.5)
_HEALTH_TIMEOUT: Final = 10.0
_HEALTH_INTERVAL: Final = 10.0
_UNHEALTHY_LIMIT: Final = 4
_LONGEST_BACK_OFF: Final = 30.0
_STEADY: Final = 60.0

_LOG: Final = logging.getLogger(__name__)


class State(enum.Enum):
    """What a deployed model's server is doing."""

    STANDBY = "standby"
    STARTING = "starting"
    SERVING = "serving"
    RESTARTING = "restarting"
    STOPPED = "stopped"


class Deployment:
    """One deployed model's server, supervised by a thread.

    After a start of the sandbox it stands by until the first request; once up, a server that ends or stops being
    healthy is started again, after a pause that doubles from 1 s to 30 s and falls back after a steady minute.
    """

    def __init__(
        self, settings: Settings, endpoint: str, deployed_id: str, model: Mapping[str, Any], log: Path, folder: Path
    ) -> None:
        """Describes a deployment; nothing runs yet.

        Args:
            settings: The sandbox.
            endpoint: Name of the endpoint.
            deployed_id: Identifier of the deployed model.
            model: The model version that it serves.
            log: File for the server's output.
            folder: Its working folder.
        """
        self._settings = settings
        self._endpoint = endpoint
        self._id = deployed_id
        self._model = model
        self._spec: Mapping[str, Any] = model.get("containerSpec", {})
        self._process: ContainerProcess | None = None
        self._port = 0
        self._grpc_port = 0
        self._state = State.STANDBY
        self._restarts = 0
        self._failure = ""
        self._last_failure = ""
        self._changed = names.now()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self.log = log
        self.folder = folder

    @property
    def timeout(self) -> float:
        """Seconds until the server must be healthy."""
        return float(str(self._spec.get("deploymentTimeout", "0s")).removesuffix("s")) or DEPLOYMENT_TIMEOUT

    @property
    def ready(self) -> bool:
        """True while the server is healthy."""
        process = self._process
        return self._state is State.SERVING and process is not None and process.poll() is None

    @property
    def stopped(self) -> bool:
        """True once it was stopped for good."""
        return self._state is State.STOPPED

    @property
    def address(self) -> str:
        """Base URL of the server."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def takes_grpc(self) -> bool:
        """True where the model declares a port for it: it is disabled otherwise."""
        return bool(self._spec.get("grpcPorts"))

    @property
    def grpc_address(self) -> str:
        """Host and port of the server's gRPC."""
        return f"127.0.0.1:{self._grpc_port}"

    @property
    def health_route(self) -> str:
        """Path that answers 200 once the model is loaded."""
        default = f"/v1/endpoints/{self._endpoint.rpartition('/')[2]}/deployedModels/{self._id}"
        return str(self._spec.get("healthRoute") or default)

    @property
    def predict_route(self) -> str:
        """Path that predictions are posted to."""
        default = f"/v1/endpoints/{self._endpoint.rpartition('/')[2]}/deployedModels/{self._id}:predict"
        return str(self._spec.get("predictRoute") or default)

    def status(self) -> dict[str, Any]:
        """State, port, process and restarts; the last failure while there is one."""
        found: dict[str, Any] = {"state": self._state.value, "restarts": self._restarts, "log": str(self.log)}
        if self._process is not None and self._process.poll() is None:
            found |= {"port": self._port, "pid": self._process.pid}
            if self.takes_grpc:
                found["grpcPort"] = self._grpc_port
        if self._failure:
            found["failure"] = self._failure
        return found

    def report(self) -> dict[str, Any]:
        """`DeployedModel.Status` as JSON: the last failure stays, with how often the server was restarted."""
        found: dict[str, Any] = {"availableReplicaCount": int(self.ready), "lastUpdateTime": self._changed}
        if self._state is State.STANDBY:
            found["message"] = "The model server stands by: it starts with the first request."
        elif self._last_failure:
            found["message"] = (
                f"The model server is {self._state.value} and was restarted {self._restarts} times, last because:"
                f" {self._last_failure}"
            )
        return found

    def deploy(self) -> None:
        """Starts the server for the first time and waits until it is healthy.

        Raises:
            ApiError: FAILED_PRECONDITION where it ends or is not healthy in time, with the end of its log;
                CANCELLED where `stop` was called meanwhile. Nothing is left running.
        """
        self._set(State.STARTING)
        try:
            self._launch()
        except BaseException:
            self.stop()
            raise
        self._supervise()

    def wake(self) -> None:
        """Brings the server up in the background if it stands by."""
        with self._change:
            if self._state is not State.STANDBY:
                return
            self._state = State.STARTING
        self._supervise(cold=True)

    def stop(self) -> None:
        """Ends the server for good."""
        self._set(State.STOPPED)
        process = self._process
        if process is not None:
            process.stop()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _set(self, state: State) -> bool:
        with self._change:
            if self._state is State.STOPPED:
                return False
            self._state = state
            self._changed = names.now()
            self._change.notify_all()
        return True

    def _pause(self, seconds: float) -> bool:
        """Sleeps; False as soon as it was stopped."""
        with self._change:
            return not self._change.wait_for(lambda: self.stopped, seconds)

    def _supervise(self, *, cold: bool = False) -> None:
        self._thread = threading.Thread(target=self._keep, args=(cold,), name=f"deployment-{self._id}", daemon=True)
        self._thread.start()

    def _keep(self, cold: bool) -> None:
        delay = 1.0
        while not self.stopped:
            if not cold:
                began = time.monotonic()
                reason = self._watch()
                if self.stopped or not self._set(State.RESTARTING):
                    return
                self._restarts += 1
                self._failure = self._last_failure = reason
                _LOG.warning("Deployed model %s of %s: %s; restarting", self._id, self._endpoint, reason)
                delay = 1.0 if time.monotonic() - began > _STEADY else delay
                if not self._pause(delay):
                    return
                delay = min(2 * delay, _LONGEST_BACK_OFF)
            cold = True
            try:
                self._launch()
                cold = False
            except ApiError as error:
                self._failure = self._last_failure = error.message
                _LOG.warning("Deployed model %s of %s does not start: %s", self._id, self._endpoint, error.message)
                if not self._set(State.RESTARTING) or not self._pause(delay):
                    return
                delay = min(2 * delay, _LONGEST_BACK_OFF)

    def _watch(self) -> str:
        """Waits until the server ends or is unhealthy for long; says which."""
        assert self._process is not None
        unhealthy = 0
        while unhealthy < _UNHEALTHY_LIMIT:
            try:
                code = self._process.wait(_HEALTH_INTERVAL)
            except TimeoutError:
                unhealthy = 0 if self._healthy() else unhealthy + 1
                continue
            return f"The model server {containers.exit_reason(code)}. Its log ends:\n{containers.log_tail(self.log)}"
        self._process.stop()
        return f"{self._asked()} did not answer for {unhealthy} checks in a row."

    def _launch(self) -> None:
        environment = self._environment()
        words = containers.command(self._spec, environment, f"model {self._model.get('name', '')}", self._settings)
        try:
            process = ContainerProcess.start(
                self._settings,
                words,
                environment=environment,
                log=self.log,
                cwd=self.folder,
                image=self._spec.get("imageUri", ""),
            )
        except (OSError, ValueError) as error:
            raise ApiError(
                "FAILED_PRECONDITION", f"The model server's command {words[0]!r} cannot run: {error}"
            ) from None
        self._process = process
        deadline = time.monotonic() + self.timeout
        pause = _HEALTH_PAUSES[0]
        try:
            while not self._healthy():
                if process.poll() is not None and not self.stopped:
                    raise self._refusal(
                        f"Model server exited unexpectedly: it {containers.exit_reason(process.wait())}."
                    )
                if time.monotonic() > deadline:
                    raise self._refusal(
                        f"Model server never became ready: {self._asked()} did not answer within {self.timeout:g} s."
                    )
                if not self._pause(pause):
                    raise ApiError("CANCELLED", "The deployment was cancelled.")
                pause = min(1.3 * pause, _HEALTH_PAUSES[1])
            if not self._set(State.SERVING):
                raise ApiError("CANCELLED", "The deployment was cancelled.")
            self._failure = ""
        except BaseException:
            process.stop()
            raise

    def _refusal(self, reason: str) -> ApiError:
        tail = containers.log_tail(self.log)
        return ApiError(
            "FAILED_PRECONDITION", f"{reason} Model server logs can be found at {self.log}, which ends:\n{tail}"
        )

    def _healthy(self) -> bool:
        try:
            with httpx.Client(trust_env=False, timeout=_HEALTH_TIMEOUT) as client:
                healthy = client.get(self.address + self.health_route).status_code == 200
        except httpx.HTTPError:
            return False
        return healthy and (not self.takes_grpc or grpc_health.serving(self.grpc_address, _HEALTH_TIMEOUT))

    def _asked(self) -> str:
        """Who must answer for the server to be healthy."""
        route = f"its health route {self.health_route} on port {self._port} with 200"
        return f"{route}, or gRPC on port {self._grpc_port} (AIP_GRPC_PORT)," if self.takes_grpc else route

    def _choose_port(self, field: str) -> int:
        """A free port, or the declared one where the command names it: it would listen on no other."""
        words = [*self._spec.get("command", []), *self._spec.get("args", [])]
        for declared in self._spec.get(field, [])[:1]:
            port = int(declared["containerPort"])
            if any(re.search(rf"(?<!\d){port}(?!\d)", word) for word in words):
                return port
        return containers.free_port()

    def _environment(self) -> dict[str, str]:
        self._port = self._choose_port("ports")
        parts = self._endpoint.split("/")
        contract = {
            "AIP_ACCELERATOR_TYPE": "",
            "AIP_DEPLOYED_MODEL_ID": self._id,
            "AIP_ENDPOINT_ID": parts[5],
            "AIP_FRAMEWORK": "CUSTOM_CONTAINER",
            "AIP_HEALTH_ROUTE": self.health_route,
            "AIP_HTTP_PORT": str(self._port),
            "AIP_MACHINE_TYPE": "",
            "AIP_MODE": "PREDICTION",
            "AIP_MODE_VERSION": "1.0.0",
            "AIP_PREDICT_ROUTE": self.predict_route,
            "AIP_PROJECT_NUMBER": parts[1],
            "AIP_STORAGE_URI": served_uri(self._model),
            "AIP_VERSION_NAME": str(self._model.get("versionId", "")),
            # A container has an address of its own to listen on; a process here must keep to the loopback one.
            "UVICORN_HOST": "127.0.0.1",
        }
        if self.takes_grpc:
            self._grpc_port = self._choose_port("grpcPorts")
            contract["AIP_GRPC_PORT"] = str(self._grpc_port)
        return {**containers.variables(self._spec, contract), **contract}
