"""Metadata stores and their contexts: what Vertex AI Experiments are made of.

An experiment is a context, and so is each of its runs, which is a child of it; parameters and metrics are the metadata
of the run. Artifacts and executions are those of pipeline jobs, which have them in their own records.
"""

import re
import time
from typing import Any, Final

from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.pipelines import lineage
from earthline_sandbox.vertex.rest import listing, messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call, Part, route
from earthline_sandbox.vertex.rest.store import Store

STORES: Final = "metadataStores"
KIND: Final = "contexts"
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_UPDATABLE: Final = ("displayName", "labels", "metadata", "description")

Json = dict[str, Any]


class Contexts(Part):
    """`projects.locations.metadataStores` and their `contexts`: create, get, list, update, delete, add children.

    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.metadataStores.contexts.
    """

    def __init__(self, settings: Settings, store: Store, operations: Operations) -> None:
        """Serves the contexts in `store`."""
        self._settings = settings
        self._store = store
        self._operations = operations

    def routes(self) -> list[Route]:
        """Routes of metadata stores and of contexts."""
        settings, store = self._settings, f"{STORES}/{{store}}"
        one = f"{store}/{KIND}/{{id}}"
        return [
            route(settings, "POST", STORES, self._create_store),
            route(settings, "GET", store, self._get_store),
            route(settings, "POST", f"{store}/{KIND}", self._create),
            route(settings, "GET", f"{store}/{KIND}", self._list),
            route(settings, "GET", one, self._get),
            route(settings, "PATCH", one, self._update),
            route(settings, "DELETE", one, self._delete),
            route(settings, "POST", f"{one}:addContextChildren", self._add_children),
            route(settings, "GET", f"{store}/artifacts/{{id}}", self._get_artifact),
            *(route(settings, "GET", f"{store}/{kind}", self._list_in_context) for kind in ("artifacts", "executions")),
        ]

    def _create_store(self, call: Call) -> Json:
        name = f"{call.parent}/{STORES}/{_chosen_id(call, 'metadataStoreId', 'default')}"
        moment = names.now()
        record = {**call.message("MetadataStore"), "name": name, "createTime": moment, "updateTime": moment}
        if not self._store.create(name, record):
            raise ApiError("ALREADY_EXISTS", f"MetadataStore {name} already exists.")
        return self._operations.done(name, "CreateMetadataStoreOperationMetadata", "MetadataStore", record)

    def _get_store(self, call: Call) -> Json:
        return self._store.get(self._parent(call))

    def _create(self, call: Call) -> Json:
        """Makes a context.

        Raises:
            ApiError: NOT_FOUND without the metadata store, ALREADY_EXISTS, INVALID_ARGUMENT for a malformed id.
        """
        self._get_store(call)
        name = f"{self._parent(call)}/{KIND}/{_chosen_id(call, 'contextId', names.fresh_id())}"
        record, moment = call.message("Context"), names.now()
        record = _stamped({**record, "name": name, "parentContexts": [], "createTime": moment, "updateTime": moment})
        if not self._store.create(name, record):
            raise ApiError("ALREADY_EXISTS", f"Context with name {name} already exists.")
        return record

    def _get(self, call: Call) -> Json:
        return self._store.get(self._name(call))

    def _list(self, call: Call) -> Json:
        return listing.page(list(reversed(self._store.list(self._parent(call), KIND))), KIND, call.parameter)

    def _update(self, call: Call) -> Json:
        """Changes the fields of `updateMask`; all that can be changed, where there is none.

        Raises:
            ApiError: NOT_FOUND; ABORTED where the request's `etag` is not that of the context any more.
        """
        change = call.message("Context")
        mask = call.parameter("updateMask") or ",".join(field for field in _UPDATABLE if field in change)

        def changed(record: Json) -> None:
            if change.get("etag", record["etag"]) != record["etag"]:
                raise ApiError(
                    "ABORTED",
                    f"Specified Context `etag`: `{change['etag']}` does not match current `etag` of "
                    f"`{record['etag']}`.",
                )
            messages.apply_mask(record, change, mask, _UPDATABLE)
            record["updateTime"] = names.now()
            _stamped(record)

        return self._store.update(self._name(call), changed)

    def _delete(self, call: Call) -> Json:
        name = self._name(call)
        self._store.delete(name)
        return self._operations.done(name, "DeleteOperationMetadata", "Empty", {})

    def _add_children(self, call: Call) -> Json:
        """Makes other contexts its children.

        Raises:
            ApiError: NOT_FOUND for it or for one of them, INVALID_ARGUMENT where it would be above itself.
        """
        name = self._name(call)
        self._store.get(name)
        children = [str(child) for child in call.message("AddContextChildrenRequest").get("childContexts", ())]
        if name in children:
            raise invalid(f"{name} cannot be a child of itself.")
        for child in children:
            self._store.get(child)
        for child in children:
            self._store.update(child, lambda record: _adopt(record, name))
        return {}

    def _get_artifact(self, call: Call) -> Json:
        name = f"{self._parent(call)}/artifacts/{call.path['id']}"
        for item in lineage.artifacts(self._store, call.parent):
            if item["name"] == name:
                return item
        raise not_found(f"The artifact {name} does not exist.")

    def _list_in_context(self, call: Call) -> Json:
        """Those of a context: none, as jobs keep theirs in their own records.

        Raises:
            ApiError: INVALID_ARGUMENT for another filter.
        """
        self._get_store(call)
        if "in_context(" not in call.parameter("filter"):
            raise invalid("The sandbox lists artifacts and executions of a context alone: filter by in_context(...).")
        return {}

    def _parent(self, call: Call) -> str:
        return f"{call.parent}/{STORES}/{call.path['store']}"

    def _name(self, call: Call) -> str:
        return f"{self._parent(call)}/{KIND}/{call.path['id']}"


def _adopt(record: Json, parent: str) -> None:
    # The etag stays: it tells of what an update can change.
    if parent not in record["parentContexts"]:
        record["parentContexts"].append(parent)


def _stamped(record: Json) -> Json:
    # The client takes the larger one for the newer one.
    record["etag"] = str(time.time_ns() // 1_000_000)
    return record


def _chosen_id(call: Call, parameter: str, default: str) -> str:
    chosen = call.parameter(parameter) or default
    if not _ID.fullmatch(chosen):
        raise invalid(
            f"{parameter} {chosen!r} is malformed: lower-case letters, digits and dashes, up to 128, beginning with a "
            "letter or digit."
        )
    return chosen
