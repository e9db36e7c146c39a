"""Endpoints: deployed models behind one address, with traffic split between them."""

import asyncio
import logging
import shutil
import threading
from collections.abc import Mapping
from typing import Any, Final

from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import machines
from earthline_sandbox.vertex.models.models import Models
from earthline_sandbox.vertex.rest import messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.resources import Resources
from earthline_sandbox.vertex.rest.routes import Call, route
from earthline_sandbox.vertex.rest.store import Record, Store
from earthline_sandbox.vertex.serving import traffic
from earthline_sandbox.vertex.serving.deployments import Deployment

_LOG: Final = logging.getLogger(__name__)
_UPDATABLE: Final = ("displayName", "description", "labels", "trafficSplit", "clientConnectionConfig")
_OUTPUT_ONLY: Final = ("deployedModels", "trafficSplit", "createTime", "updateTime", "name", "etag")


class Endpoints(Resources):
    """Endpoints and the servers of the models deployed to them.

    It is never busy: a deployed model may wait for ever, and deploying is an operation.
    """

    def __init__(self, settings: Settings, store: Store, operations: Operations, models: Models) -> None:
        """Serves the endpoints in `store`; their servers stand by until they are asked."""
        super().__init__(settings, store, operations, "endpoints")
        self._models = models
        self._lock = threading.RLock()
        self._deployments: dict[tuple[str, str], Deployment] = {}

    def routes(self) -> list[Route]:
        """Routes of EndpointService."""
        begun = self._operations.begun
        return [
            *super().routes(),
            self._verb("deployModel", begun(self._deploy)),
            self._verb("undeployModel", begun(self._undeploy)),
            self._verb("mutateDeployedModel", self._mutate),
            route(self._settings, "PATCH", "endpoints/{id}", self._patch),
        ]

    async def start(self) -> None:
        """Makes a server, standing by, of every deployed model on disk."""
        for name, endpoint in list(self._store.every("endpoints")):
            for item in endpoint.get("deployedModels", []):
                try:
                    model = self._models.version(f"{item['model']}@{item['modelVersionId']}")
                except ApiError as error:
                    _LOG.error("Deployed model %s of %s cannot be served: %s", item["id"], name, error.message)
                    continue
                self._deployments[name, item["id"]] = self._deployment(name, item["id"], model)

    async def stop(self) -> None:
        """Ends every server; the deployed models stay on disk."""
        with self._lock:
            servers = list(self._deployments.values())
            self._deployments.clear()
        await asyncio.gather(*(asyncio.to_thread(server.stop) for server in servers))

    def status(self) -> dict[str, Any]:
        """Every endpoint with its traffic split and its servers' state and ports."""
        found = {}
        for name, endpoint in self._store.every("endpoints"):
            deployed = {}
            for item in endpoint.get("deployedModels", []):
                server = self._deployments.get((name, item["id"]))
                deployed[item["id"]] = {
                    "model": f"{item['model']}@{item['modelVersionId']}",
                    "displayName": item.get("displayName", ""),
                    "traffic": endpoint.get("trafficSplit", {}).get(item["id"], 0),
                    **(server.status() if server else {}),
                }
            found[name] = {"displayName": endpoint["displayName"], "deployedModels": deployed}
        return found

    def endpoint(self, name: str) -> Record:
        """An endpoint by full name.

        Raises:
            ApiError: NOT_FOUND where there is none.
        """
        return self._store.get(name)

    def server(self, name: str, deployed_id: str) -> Deployment:
        """The server of a deployed model, woken if it stood by.

        Raises:
            ApiError: NOT_FOUND where the model was undeployed meanwhile.
        """
        server = self._deployments.get((name, deployed_id))
        if server is None:
            raise not_found(f"The deployed model {deployed_id} of {name} was undeployed.")
        server.wake()
        return server

    def _deployment(self, name: str, deployed_id: str, model: Record) -> Deployment:
        identifier = f"{name.rpartition('/')[2]}-{deployed_id}"
        home = self._settings.home.vertex
        log, folder = home / "logs" / f"{identifier}.log", home / "deployed_models" / identifier
        return Deployment(self._settings, name, deployed_id, model, log, folder)

    def _create(self, call: Call) -> Record:
        endpoint = call.message("Endpoint")
        messages.require(endpoint, "displayName")
        names.check_display_name(endpoint)
        chosen = call.parameter("endpointId")
        identifier = names.chosen_id(chosen, "endpointId") if chosen else names.fresh_id()
        name = f"{call.parent}/endpoints/{identifier}"
        for key in _OUTPUT_ONLY:
            endpoint.pop(key, None)
        moment = names.now()
        record = {**endpoint, "name": name, "createTime": moment, "updateTime": moment, "etag": names.fresh_id()}
        if record.get("dedicatedEndpointEnabled"):
            place = call.place
            record["dedicatedEndpointDns"] = (
                f"{identifier}.{place.location}-{place.project_number}.prediction.vertexai.goog"
            )
        if not self._store.create(name, record):
            raise ApiError("ALREADY_EXISTS", f"The endpoint {name} exists already.")
        return self._operations.done(name, "CreateEndpointOperationMetadata", "Endpoint", record)

    def _present(self, record: Record) -> Record:
        """The record with what its servers are doing at this moment."""
        for item in record.get("deployedModels", []):
            server = self._deployments.get((record["name"], item["id"]))
            if server is not None:
                item["status"] = server.report()
        return record

    def _patch(self, call: Call) -> Record:
        change = call.message("Endpoint")
        mask = call.parameter("updateMask")

        def apply(record: Record) -> None:
            messages.apply_mask(record, change, mask, _UPDATABLE)
            names.check_display_name(record)
            known = [item["id"] for item in record.get("deployedModels", [])]
            traffic.check(record.get("trafficSplit", {}), known)
            record["updateTime"] = names.now()

        return self._present(self._store.update(self._name(call), apply))

    def _delete(self, call: Call) -> Record:
        name = self._name(call)
        with self._lock:
            record = self.endpoint(name)
            deployed = [item["id"] for item in record.get("deployedModels", [])]
            if deployed:
                raise ApiError(
                    "FAILED_PRECONDITION",
                    f"The endpoint {name} still has deployed models: {', '.join(deployed)}. Undeploy them first.",
                )
            self._store.delete(name)
        return self._deleted(name)

    def _deploy(self, call: Call) -> Record:
        name = self._name(call)
        request = call.message("DeployModelRequest")
        messages.require(request, "deployedModel.model")
        item: dict[str, Any] = request["deployedModel"]
        record = self.endpoint(name)
        model = self._models.version(names.normalise(self._settings, item["model"], call.place, "models"))
        machines.check_resources(item)
        machines.complete_resources(item)
        known = [other["id"] for other in record.get("deployedModels", [])]
        deployed_id = item.get("id") or names.fresh_id()
        if not (deployed_id.isascii() and deployed_id.isalnum() and len(deployed_id) <= 20):
            raise invalid(f"deployedModel.id {deployed_id!r} is not valid: up to 20 letters and digits.")
        if deployed_id in known or deployed_id == traffic.NEW:
            raise ApiError("ALREADY_EXISTS", f"The endpoint {name} has a deployed model {deployed_id!r} already.")
        split = traffic.renamed(request.get("trafficSplit", {}), deployed_id)
        traffic.check(split, [*known, deployed_id])
        item |= {
            "id": deployed_id,
            "model": model["name"],
            "modelVersionId": model["versionId"],
            "createTime": names.now(),
        }
        item.setdefault("displayName", model["displayName"])
        server = self._deployment(name, deployed_id, model)

        def work() -> Record:
            server.deploy()
            try:
                self._attach(name, item, split, server)
            except BaseException:
                server.stop()
                raise
            return {"deployedModel": item}

        return self._operations.run(
            name, "DeployModelOperationMetadata", "DeployModelResponse", work, cancel=server.stop
        )

    def _attach(self, name: str, item: Record, split: Mapping[str, int], server: Deployment) -> None:
        def change(record: Record) -> None:
            deployed = record.setdefault("deployedModels", [])
            if split:
                traffic.check(split, [*(other["id"] for other in deployed), item["id"]])
                record["trafficSplit"] = dict(split)
            deployed.append(item)
            record["updateTime"] = names.now()

        with self._lock:
            self._models.version(f"{item['model']}@{item['modelVersionId']}")
            self._store.update(name, change)
            self._deployments[name, item["id"]] = server

    def _undeploy(self, call: Call) -> Record:
        name = self._name(call)
        request = call.message("UndeployModelRequest")
        messages.require(request, "deployedModelId")
        deployed_id = request["deployedModelId"]

        def change(record: Record) -> None:
            kept = [item for item in record.get("deployedModels", []) if item["id"] != deployed_id]
            if len(kept) == len(record.get("deployedModels", [])):
                raise not_found(f"The endpoint {name} has no deployed model {deployed_id!r}.")
            split = request.get("trafficSplit") or record.get("trafficSplit", {})
            split = {key: share for key, share in split.items() if share or key != deployed_id}
            if deployed_id in split and kept:
                raise ApiError(
                    "FAILED_PRECONDITION",
                    f"The deployed model {deployed_id} still gets {split[deployed_id]} % of the traffic of {name}:"
                    " give a trafficSplit that gives it to the others.",
                )
            if kept:
                traffic.check(split, [item["id"] for item in kept])
            record["deployedModels"] = kept
            record["trafficSplit"] = split if kept else {}
            record["updateTime"] = names.now()

        with self._lock:
            self._store.update(name, change)
            server = self._deployments.pop((name, deployed_id), None)

        def work() -> Record:
            if server is not None:
                server.stop()
                shutil.rmtree(server.folder, ignore_errors=True)
            return {}

        return self._operations.run(name, "UndeployModelOperationMetadata", "UndeployModelResponse", work)

    def _mutate(self, call: Call) -> Record:
        name = self._name(call)
        request = call.message("MutateDeployedModelRequest")
        messages.require(request, "deployedModel.id")
        change = request["deployedModel"]
        mask = request.get("updateMask", "")

        def apply(record: Record) -> None:
            for item in record.get("deployedModels", []):
                if item["id"] == change["id"]:
                    merged = _merged(item, change, mask)
                    machines.check_resources(merged)
                    machines.complete_resources(merged)
                    item.update(merged)
                    return
            raise not_found(f"The endpoint {name} has no deployed model {change['id']!r}.")

        record = self._store.update(name, apply)
        merged = next(item for item in record["deployedModels"] if item["id"] == change["id"])
        return self._operations.done(
            name, "MutateDeployedModelOperationMetadata", "MutateDeployedModelResponse", {"deployedModel": merged}
        )


def _merged(item: Record, change: Record, mask: str) -> Record:
    """A deployed model after an update of its resources; the mask's paths are of the form `dedicated_resources.x`."""
    merged: Record = {**item}
    for path in [messages.camel(part.strip()) for part in mask.split(",") if part.strip()]:
        field, _, key = path.partition(".")
        if field not in ("dedicatedResources", "automaticResources") or "." in key:
            raise invalid(f"The field {path!r} of a deployed model cannot be mutated; its resources can.")
        part = change.get(field, {})
        if not key:
            merged[field] = part
        else:
            merged[field] = {k: v for k, v in merged.get(field, {}).items() if k != key}
            if key in part:
                merged[field][key] = part[key]
    return merged
