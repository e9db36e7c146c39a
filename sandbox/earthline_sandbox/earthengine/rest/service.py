"""Earth Engine as one service: its routes and its catalogue, its start and its end."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from earthline_sandbox.earthengine.catalogue import seed, stac
from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion, milliseconds
from earthline_sandbox.earthengine.catalogue.local_collections import ImageOptions, add_collection
from earthline_sandbox.earthengine.catalogue.raster_notes import notes
from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.models.endpoints import VertexEndpoints
from earthline_sandbox.earthengine.readings import Readings
from earthline_sandbox.earthengine.rest import discovery
from earthline_sandbox.earthengine.rest.asset_routes import AssetRoutes, asset_json
from earthline_sandbox.earthengine.rest.dispatch import Call, Dispatcher
from earthline_sandbox.earthengine.rest.faults import Faults
from earthline_sandbox.earthengine.rest.pixel_routes import PixelRoutes
from earthline_sandbox.earthengine.rest.request_log import RequestLog
from earthline_sandbox.earthengine.rest.task_routes import TaskRoutes
from earthline_sandbox.earthengine.supervision import Supervisor
from earthline_sandbox.earthengine.tasks.operations import Operations
from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.responses import JsonResponse, api_error_handler
from earthline_sandbox.settings import Settings

_TIMES = ("system:time_start", "system:time_end")

HOSTS = (
    "earthengine.googleapis.com",
    "earthengine-highvolume.googleapis.com",
    "content-earthengine.googleapis.com",
    stac.HOST,
)


class EarthEngine:
    """The service (`earthline_sandbox.service.Service`).

    Attributes:
        name: `earthengine`.
        hosts: Hosts that it answers for.
        app: ASGI application.
        admin: Routes of the sandbox's own interface: seeding, and adding files.
    """

    name = "earthengine"
    hosts = HOSTS

    def __init__(self, settings: Settings, limits: Limits) -> None:
        """Opens the catalogue and the records of tasks below the sandbox's home."""
        self._settings = settings
        self._limits = limits
        self._initial = limits.to_json()
        root = settings.home.earthengine
        self._assets = Assets(root / "assets")
        self._drive = settings.home.root / "drive"
        supervisor = Supervisor(limits)
        self._operations = Operations(root / "operations", limits, supervisor)
        self._ingestion = Ingestion(self._assets, settings.home.storage, limits)
        self._endpoints = VertexEndpoints(f"http://127.0.0.1:{settings.port}")
        self._dispatcher = Dispatcher(limits, supervisor, settings.home.root)
        self._seeding = 0
        evaluator = self._evaluator = Evaluator(self._assets, self._endpoints, objects=self._ingestion.source)
        self._pixels = PixelRoutes(evaluator, limits)
        self._faults = Faults()
        tasks = TaskRoutes(
            evaluator,
            self._assets,
            self._ingestion,
            self._operations,
            settings.home.storage,
            self._drive,
            limits,
            self._faults,
        )
        assets = AssetRoutes(self._assets, self._ingestion)
        route = self._dispatcher.route
        application = Starlette(
            routes=[
                Route("/$discovery/rest", _discovery),
                *stac.routes(),
                route("GET", "projects/{project}/algorithms", _algorithms),
                route("GET", "projects/{project}/config", self._config),
                route("PATCH", "projects/{project}/config", self._config),
                *self._pixels.routes(self._dispatcher),
                *tasks.routes(self._dispatcher),
                *assets.routes(self._dispatcher),
                Route("/{path:path}", _unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ],
            exception_handlers={ApiError: api_error_handler},
        )
        self._log = RequestLog(application, self._faults)
        self.app: ASGIApp = self._log
        self.admin: list[Route] = [
            Route("/seeds", self._seeds, methods=["GET"]),
            Route("/seed", self._seed, methods=["POST"]),
            Route("/add", self._add, methods=["POST"]),
            Route("/faults", self._serve_faults, methods=["GET", "POST", "DELETE"]),
            Route("/limits", self._serve_limits, methods=["GET", "POST"]),
            Route("/readings", self._serve_readings, methods=["GET", "POST"]),
            Route("/requests", self._serve_requests, methods=["GET", "DELETE"]),
        ]

    async def start(self) -> None:
        """Clears away what a killed sandbox left half done."""
        await asyncio.to_thread(self._assets.sweep)

    async def stop(self) -> None:
        """Cancels tasks and lets threads end."""
        await asyncio.to_thread(self._operations.stop)
        self._dispatcher.close()
        self._endpoints.close()

    async def reset(self) -> None:
        """Forgets every asset, task, map and file of Drive, every fault and changed limit."""
        await asyncio.to_thread(self._operations.clear)
        await asyncio.to_thread(self._assets.clear)
        await asyncio.to_thread(shutil.rmtree, self._drive, ignore_errors=True)
        self._pixels.renderings.clear()
        self._faults.clear()
        self._log.clear()
        self._change_limits(self._initial)
        self._evaluator.readings = Readings()

    def busy(self) -> bool:
        """True while something is computed, imported, exported or seeded."""
        return bool(self._dispatcher.slots.taken or self._operations.active() or self._seeding)

    def status(self) -> dict[str, Any]:
        """Assets and tasks, counted."""
        kinds: dict[str, int] = {}
        for asset in self._assets.all():
            kinds[asset.record.type] = kinds.get(asset.record.type, 0) + 1
        return {
            "assets": kinds,
            "active_tasks": self._operations.active(),
            "computations": self._dispatcher.slots.taken,
        }

    def seed(self, names: list[str]) -> list[dict[str, Any]]:
        """Brings real scenes into the catalogue; see `seed.seed`."""
        self._seeding += 1
        try:
            return seed.seed(self._ingestion, self._settings.project, names, self._settings.environment)
        finally:
            self._seeding -= 1

    def add(self, asset_id: str, files: list[str], properties: dict[str, Any], made: ImageOptions) -> dict[str, Any]:
        """Makes an image of a user's own rasters, or a collection of a folder or a STAC catalogue.

        One word alone is an asset of the sandbox's own project; every other id means what it means to Earth Engine, so
        that `LANDSAT/LE07/C02/T1_TOA` is that public collection.

        Returns:
            The asset's JSON; of an image also `notes`, what a person should hear of it, and `replaced`, the bands of
            the image that it took the place of.

        Raises:
            ApiError: INVALID_ARGUMENT where a file is missing or no raster, or something is there already.
        """
        if "/" not in asset_id:
            asset_id = f"projects/{self._settings.project}/assets/{asset_id}"
        # Earth Engine holds times as numbers, and people write them as text.
        times = {key: properties[key] for key in _TIMES if isinstance(properties.get(key), str)}
        properties = properties | {key: milliseconds(text) for key, text in times.items()}
        paths = [Path(file) for file in files]
        if len(paths) == 1 and paths[0].is_absolute() and (paths[0].is_dir() or paths[0].suffix == ".json"):
            found, count = add_collection(self._ingestion, asset_id, paths[0], properties, made)
            return {**asset_json(found), "images": count}
        for path in paths:
            if not path.is_absolute() or not path.is_file():
                raise invalid(f"'{path}' is not the absolute path of a file.")
        before = self._assets.find(asset_id)
        if before is not None and before.record.type == "IMAGE" and not made.force:
            held = ", ".join(band.name for band in before.record.bands)
            raise invalid(
                f"Asset '{before.name}' is there already: an image of {before.record.update_time[:10]} with the bands "
                f"{held}. --force replaces it."
            )
        image = self._ingestion.files(
            asset_id,
            paths,
            band_names=made.bands,
            properties=properties,
            crs=made.crs,
            pyramiding=made.pyramiding,
            default_policy=made.default_policy or "MEAN",
        )
        told = set(made.pyramiding if made.default_policy is None else image.pyramiding)
        return {
            **asset_json(image),
            "notes": notes(paths, image.record.bands, told),
            "replaced": [band.name for band in before.record.bands] if before else [],
        }

    def _config(self, call: Call) -> Any:
        return {"name": f"projects/{call.project}/config", "maxConcurrentExports": self._limits.running_operations}

    async def _seeds(self, request: Request) -> Response:
        return JsonResponse({name: about["description"] for name, about in seed.descriptions().items()})

    def _change_limits(self, values: Mapping[str, Any]) -> None:
        self._limits.change(values)
        self._evaluator.limits = replace(self._evaluator.limits, elements=self._limits.elements)

    async def _serve_faults(self, request: Request) -> Response:
        if request.method == "POST":
            return JsonResponse(self._faults.add(await _object(request)))
        if request.method == "DELETE":
            self._faults.clear()
        return JsonResponse({"faults": self._faults.rules()})

    async def _serve_limits(self, request: Request) -> Response:
        if request.method == "POST":
            self._change_limits(await _object(request))
        return JsonResponse({"limits": self._limits.to_json()})

    async def _serve_readings(self, request: Request) -> Response:
        if request.method == "POST":
            self._evaluator.readings = self._evaluator.readings.changed(await _object(request))
        return JsonResponse({"readings": self._evaluator.readings.to_json()})

    async def _serve_requests(self, request: Request) -> Response:
        found = self._log.entries(request.query_params.get("method", ""))
        if request.method == "DELETE":
            self._log.clear()
        return JsonResponse({"requests": found})

    async def _seed(self, request: Request) -> Response:
        names = (await _object(request)).get("names") or []
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            raise invalid("Field 'names' must be a list of seed names.")
        return JsonResponse({"assets": await asyncio.to_thread(self.seed, names)})

    async def _add(self, request: Request) -> Response:
        body = await _object(request)
        asset_id, files, properties = body.get("asset"), body.get("files"), body.get("properties") or {}
        if not isinstance(asset_id, str) or not isinstance(files, list) or not files:
            raise invalid("Fields 'asset' (id) and 'files' (list of absolute paths) are required.")
        if not isinstance(properties, dict):
            raise invalid("Field 'properties' must be an object.")
        bands = body.get("bands")
        if bands is not None and not (isinstance(bands, list) and all(isinstance(band, str) for band in bands)):
            raise invalid("Field 'bands' must be a list of names.")
        paths = [str(file) for file in files]
        return JsonResponse(await asyncio.to_thread(self.add, asset_id, paths, properties, _options(body, bands)))


def build(settings: Settings, limits: Limits | None = None) -> EarthEngine:
    """Earth Engine for one sandbox."""
    return EarthEngine(settings, limits or Limits())


def _options(body: Mapping[str, Any], bands: Sequence[str] | None) -> ImageOptions:
    crs, given = body.get("crs"), body.get("pyramiding") or []
    if crs is not None and not isinstance(crs, str):
        raise invalid("Field 'crs' must be a code such as EPSG:32632, or WKT.")
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise invalid("Field 'pyramiding' must be a list of POLICY or BAND=POLICY.")
    default: str | None = None
    policies: dict[str, str] = {}
    for item in given:
        band, separator, policy = item.rpartition("=")
        if separator:
            policies[band] = policy.upper()
        else:
            default = policy.upper()
    return ImageOptions(bands, crs, policies, default, body.get("force") is True)


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise invalid(f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise invalid("The body must be an object.")
    return body


async def _discovery(request: Request) -> Response:
    version = request.query_params.get("version", "v1")
    if version not in discovery.VERSIONS:
        raise not_found(f"Discovery document not found for earthengine version '{version}'.")
    return JsonResponse(discovery.document(version))


def _algorithms(call: Call) -> Response:
    return Response(discovery.algorithms(), media_type="application/json; charset=UTF-8")


async def _unknown(request: Request) -> Response:
    raise not_found(f"Earth Engine's interface has no {request.method} {request.url.path}, or the sandbox lacks it.")
