"""Vertex AI as one service: its parts with their routes, its start and its end."""

import asyncio
import shutil
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from earthline_sandbox.errors import invalid
from earthline_sandbox.responses import ErrorBoundary, JsonResponse
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex import HOSTS
from earthline_sandbox.vertex.batch.batch_prediction_jobs import BatchPredictionJobs
from earthline_sandbox.vertex.containers import engine, orphans, processes
from earthline_sandbox.vertex.jobs.custom_jobs import CustomJobs
from earthline_sandbox.vertex.jobs.training_pipelines import TrainingPipelines
from earthline_sandbox.vertex.logs.logging import Logging
from earthline_sandbox.vertex.metadata.contexts import Contexts
from earthline_sandbox.vertex.models.model_transfers import ModelTransfers
from earthline_sandbox.vertex.models.models import Models
from earthline_sandbox.vertex.pipelines.pipeline_jobs import PipelineJobs
from earthline_sandbox.vertex.rest import messages
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Answer, Call, Part, render_no_route, route
from earthline_sandbox.vertex.rest.store import Store
from earthline_sandbox.vertex.schedules.schedule_clock import Clock
from earthline_sandbox.vertex.schedules.schedules import Schedules
from earthline_sandbox.vertex.serving.endpoints import Endpoints
from earthline_sandbox.vertex.serving.payload_limits import PayloadLimits
from earthline_sandbox.vertex.serving.prediction import Prediction


class VertexService:
    """Vertex AI and the part of Cloud Logging that its clients read.

    Attributes:
        name: `vertex`.
        hosts: Regional and dedicated hosts, and Cloud Logging's.
        app: The application.
        schedules: What starts pipeline jobs by the clock.
        admin: Routes of the sandbox's own interface.
    """

    name = "vertex"
    hosts = HOSTS

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Assembles the parts over one store.

        Args:
            settings: The sandbox.
            clock: By which schedules run; the machine's unless given.
        """
        self._settings = settings
        self._limits = PayloadLimits()
        self._store = Store(settings.home.vertex / "records")
        operations = Operations(settings, self._store)
        models = Models(settings, self._store, operations)
        endpoints = Endpoints(settings, self._store, operations, models)
        custom_jobs = CustomJobs(settings, self._store, operations)
        jobs = PipelineJobs(settings, self._store, operations)
        self.schedules = Schedules(settings, self._store, operations, jobs, clock)
        # In the order of their start; they stop in the reverse.
        self._parts: dict[str, Part] = {
            "operations": operations,
            "models": models,
            "endpoints": endpoints,
            "prediction": Prediction(settings, endpoints, self._limits),
            "model_transfers": ModelTransfers(settings, operations, models),
            "custom_jobs": custom_jobs,
            "training_pipelines": TrainingPipelines(settings, self._store, operations, models, custom_jobs),
            "batch_prediction_jobs": BatchPredictionJobs(settings, self._store, operations, models),
            "pipeline_jobs": jobs,
            "schedules": self.schedules,
            "contexts": Contexts(settings, self._store, operations),
            "logging": Logging(settings, self._store),
        }
        routes: list[BaseRoute] = [found for part in self._parts.values() for found in part.routes()]
        for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            routes.append(route(settings, method, "{rest:path}", self._unsupported))
        self.app = Starlette(
            routes=routes,
            middleware=[Middleware(ErrorBoundary, home=settings.home.root)],
            exception_handlers={HTTPException: render_no_route},
        )

        self.admin = [Route("/limits", self._serve_limits, methods=["GET", "POST"])]

    async def _serve_limits(self, request: Request) -> Response:
        if request.method == "POST":
            self._limits.change(messages.json_object(await request.body()))
        return JsonResponse({"limits": self._limits.to_json()})

    async def start(self) -> None:
        """Brings every part up; work that the last sandbox left unfinished is failed."""
        messages.warm()
        await asyncio.to_thread(orphans.end, self._settings)
        if self._settings.containers:
            await asyncio.to_thread(engine.remove_strays, self._settings)
        for part in self._parts.values():
            await part.start()

    async def stop(self) -> None:
        """Ends every process; what is deployed stays on record."""
        for part in reversed(self._parts.values()):
            await part.stop()
        # Not before: what it holds ready may be what a server runs in.
        processes.release(self._settings)

    async def reset(self) -> None:
        """Ends every process and forgets every resource, log and working folder."""
        for part in reversed(self._parts.values()):
            await part.reset()
        self._store.clear()
        await asyncio.to_thread(shutil.rmtree, self._settings.home.vertex, ignore_errors=True)
        self._limits.change(PayloadLimits().to_json())
        for part in self._parts.values():
            await part.start()

    def busy(self) -> bool:
        """True while a job, an operation or a prediction is under way."""
        return any(part.busy() for part in self._parts.values())

    def status(self) -> dict[str, Any]:
        """Each part's status by its name."""
        return {name: part.status() for name, part in self._parts.items()}

    def _unsupported(self, call: Call) -> Answer:
        # 400, not 501: clients repeat every 5xx for a minute.
        what = call.path["rest"].partition("/")[0].partition(":")[0]
        raise invalid(
            f"{what!r} or this method of it is not supported by the sandbox's Vertex AI, which has pipelineJobs,"
            " schedules, customJobs, trainingPipelines, batchPredictionJobs, models, endpoints and operations."
        )


def build(settings: Settings, clock: Clock | None = None) -> VertexService:
    """Makes the service; nothing runs before its `start`."""
    return VertexService(settings, clock)
