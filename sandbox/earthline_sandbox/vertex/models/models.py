"""The model registry: models, their versions and aliases, and evaluations.

As Vertex AI does, an upload copies the artifacts to a bucket that it manages, so that a deployed model outlives
the folder that it was uploaded from.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid, not_found
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.rest import listing, messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call, Part, route
from earthline_sandbox.vertex.rest.store import Record, Store

_ALIAS: Final = re.compile(r"[a-z][a-zA-Z0-9-]{0,126}[a-z0-9]")
_UPDATABLE: Final = ("displayName", "description", "versionDescription", "labels", "explanationSpec", "dataStats")


def served_uri(version: Mapping[str, Any]) -> str:
    """Address of the copy of a model version's artifacts, which its server loads; empty if it has none.

    `artifactUri` stays what the user gave, as Vertex AI answers it. A model that no registry manages has no copy.
    """
    if not version.get("artifactUri"):
        return ""
    if "versionId" not in version:
        return str(version["artifactUri"])
    _, project, _, location, _, model = version["name"].split("/")
    return f"gs://vertex-managed-{project}/models/{location}/{model}/{version['versionId']}"


class Models(Part):
    """Models as an index record each, `models/ID`, with the versions below it, `models/ID/versions/N`."""

    def __init__(self, settings: Settings, store: Store, operations: Operations) -> None:
        """Serves the models in `store`."""
        self._settings = settings
        self._store = store
        self._operations = operations

    def routes(self) -> list[Route]:
        """Routes of ModelService."""
        settings = self._settings
        return [
            route(settings, "POST", "models:upload", self._operations.begun(self._upload)),
            route(settings, "GET", "models/{model}:listVersions", self._list_versions),
            route(settings, "POST", "models/{model}:mergeVersionAliases", self._merge_aliases),
            route(settings, "DELETE", "models/{model}:deleteVersion", self._delete_version),
            route(settings, "POST", "models/{model}/evaluations:import", self._import_evaluation),
            route(settings, "GET", "models/{model}/evaluations/{evaluation}", self._get_evaluation),
            route(settings, "GET", "models/{model}/evaluations", self._list_evaluations),
            route(settings, "GET", "models/{model}", self._get),
            route(settings, "PATCH", "models/{model}", self._patch),
            route(settings, "DELETE", "models/{model}", self._delete),
            route(settings, "GET", "models", self._list),
        ]

    async def start(self) -> None:
        """Removes versions whose upload was under way when the last sandbox ended."""
        for base, index in list(self._store.every("models")):
            for number in list(index["aliases"]):
                if not self._store.exists(f"{base}/versions/{number}"):
                    self._forget(base, number)

    def status(self) -> dict[str, Any]:
        """Number of models."""
        return {"models": sum(1 for _ in self._store.every("models"))}

    def version(self, name: str) -> Record:
        """A model version.

        Args:
            name: `…/models/ID`, `…/models/ID@VERSION` or `…/models/ID@ALIAS`.

        Raises:
            ApiError: NOT_FOUND for an unknown model, version or alias.
        """
        base, version = names.parse_version(name)
        index = self._store.get(base)
        version = version or "default"
        for number, aliases in index["aliases"].items():
            if version == number or version in aliases:
                return self._present(self._store.get(f"{base}/versions/{number}"), index)
        raise not_found(f"The model {base} has no version or alias {version!r}.")

    def _present(self, record: Record, index: Mapping[str, Any]) -> Record:
        record["versionAliases"] = index["aliases"][record["versionId"]]
        deployed = [
            {"endpoint": endpoint_name, "deployedModelId": item["id"], "checkpointId": ""}
            for endpoint_name, endpoint in self._store.every("endpoints")
            for item in endpoint.get("deployedModels", [])
            if item["model"] == record["name"] and item["modelVersionId"] == record["versionId"]
        ]
        if deployed:
            record["deployedModels"] = deployed
        return record

    def _name(self, call: Call) -> str:
        return f"{call.parent}/models/{call.path['model']}"

    def _base(self, call: Call) -> str:
        return names.parse_version(self._name(call))[0]

    def _upload(self, call: Call) -> Record:
        request = call.message("UploadModelRequest")
        check(request)
        base = self.target(call.place, request)
        return self._operations.run(
            base, "UploadModelOperationMetadata", "UploadModelResponse", lambda: self.add(base, request["model"])
        )

    def add(self, base: str, model: Mapping[str, Any], source: Path | None = None) -> Record:
        """Makes a version of a model.

        Args:
            base: Of `target`.
            model: The `Model` as JSON, checked.
            source: Folder of its artifacts where that is not `artifactUri`.

        Returns:
            `model`, which is `base`, and `modelVersionId`.

        Raises:
            ApiError: FAILED_PRECONDITION where there are no artifacts; nothing is left then.
        """
        kept = {key: value for key, value in model.items() if key != "versionAliases"}
        number = self._reserve(base, _check_aliases(model.get("versionAliases", [])))
        try:
            self._write_version(base, number, kept, source)
        except BaseException:
            self._forget(base, number)
            raise
        return {"model": base, "modelVersionId": number}

    def target(self, place: names.Place, request: Mapping[str, Any]) -> str:
        """Name of the model that an upload is for: that of `parentModel`, or a new one.

        Raises:
            ApiError: NOT_FOUND for an unknown `parentModel`, ALREADY_EXISTS for a `modelId` that is taken.
        """
        parent = request.get("parentModel", "")
        if parent:
            base, _ = names.parse_version(names.normalise(self._settings, parent, place, "models"))
            self._store.get(base)
            return base
        chosen = request.get("modelId")
        base = f"{place.parent}/models/{names.chosen_id(chosen, 'modelId') if chosen else names.fresh_id()}"
        if self._store.exists(base):
            raise ApiError(
                "ALREADY_EXISTS", f"The model {base} exists already; give it as parentModel to add a version to it."
            )
        return base

    def _reserve(self, base: str, aliases: list[str]) -> str:
        """Takes the next version number and hands the aliases over to it."""
        self._store.create(base, {"name": base, "createTime": names.now(), "next": 1, "aliases": {}})

        def change(index: Record) -> None:
            number = str(index["next"])
            index["next"] += 1
            taken = aliases if index["aliases"] else [*aliases, *({"default"} - set(aliases))]
            for others in index["aliases"].values():
                others[:] = [alias for alias in others if alias not in taken]
            index["aliases"][number] = list(taken)

        return str(self._store.update(base, change)["next"] - 1)

    def _forget(self, base: str, number: str) -> None:
        """Removes a version; if it was the default, the newest of the others becomes it."""

        def change(index: Record) -> None:
            aliases = index["aliases"].pop(number, [])
            if "default" in aliases and index["aliases"]:
                index["aliases"][max(index["aliases"], key=int)].append("default")

        if not self._store.update(base, change)["aliases"]:
            self._store.delete(base)

    def _write_version(self, base: str, number: str, model: Mapping[str, Any], source: Path | None) -> None:
        moment = names.now()
        record = {
            "modelSourceInfo": {"sourceType": "CUSTOM"},
            **model,
            "name": base,
            "versionId": number,
            "createTime": self._store.get(base)["createTime"],
            "updateTime": moment,
            "versionCreateTime": moment,
            "versionUpdateTime": moment,
            "etag": names.fresh_id(),
            "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"],
            "supportedInputStorageFormats": ["jsonl", "bigquery", "csv", "tf-record", "tf-record-gzip", "file-list"],
            "supportedOutputStorageFormats": ["jsonl", "bigquery"],
            "supportedExportFormats": [{"id": "custom-trained", "exportableContents": ["ARTIFACT", "IMAGE"]}],
        }
        if model.get("artifactUri"):
            source = source or artifact_folder(self._settings, model["artifactUri"])
            target = artifact_path(self._settings, served_uri(record))
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
        self._store.put(f"{base}/versions/{number}", record)

    def _get(self, call: Call) -> Record:
        return self.version(self._name(call))

    def _list(self, call: Call) -> Record:
        found = []
        for index in self._store.list(call.parent, "models"):
            default = next((n for n, aliases in index["aliases"].items() if "default" in aliases), None)
            if default and self._store.exists(f"{index['name']}/versions/{default}"):
                found.append(self._present(self._store.get(f"{index['name']}/versions/{default}"), index))
        return listing.page(found[::-1], "models", call.parameter)

    def _versions(self, base: str) -> list[Record]:
        index = self._store.get(base)
        return [
            self._present(record, index)
            for record in self._store.list(base, "versions")
            if record["versionId"] in index["aliases"]
        ]

    def _list_versions(self, call: Call) -> Record:
        base = self._base(call)
        versions = [{**record, "name": f"{base}@{record['versionId']}"} for record in self._versions(base)]
        return listing.page(versions, "models", call.parameter)

    def _merge_aliases(self, call: Call) -> Record:
        request = call.message("MergeVersionAliasesRequest")
        record = self.version(self._name(call))
        number, base = record["versionId"], record["name"]
        added = [alias for alias in request.get("versionAliases", []) if not alias.startswith("-")]
        removed = [alias[1:] for alias in request.get("versionAliases", []) if alias.startswith("-")]
        _check_aliases(added)
        if "default" in removed:
            raise invalid("The alias 'default' cannot be removed; give it to another version instead.")

        def change(index: Record) -> None:
            for other, aliases in index["aliases"].items():
                gone = added if other != number else removed
                aliases[:] = [alias for alias in aliases if alias not in gone]
            mine = index["aliases"][number]
            mine += [alias for alias in added if alias not in mine]

        self._store.update(base, change)
        return self.version(f"{base}@{number}")

    def _patch(self, call: Call) -> Record:
        change = call.message("Model")
        record = self.version(self._name(call))
        mask = call.parameter("updateMask")

        def apply(kept: Record) -> None:
            messages.apply_mask(kept, change, mask, _UPDATABLE)
            _check(kept)
            kept["updateTime"] = kept["versionUpdateTime"] = names.now()

        self._store.update(f"{record['name']}/versions/{record['versionId']}", apply)
        return self.version(f"{record['name']}@{record['versionId']}")

    def _refuse_deployed(self, records: list[Record]) -> None:
        for record in records:
            for item in record.get("deployedModels", []):
                raise ApiError(
                    "FAILED_PRECONDITION",
                    f"The model {record['name']}@{record['versionId']} is deployed to {item['endpoint']} as deployed"
                    f" model {item['deployedModelId']}: undeploy it first.",
                )

    def _delete(self, call: Call) -> Record:
        base = self._base(call)
        versions = self._versions(base)
        self._refuse_deployed(versions)
        for record in versions:
            self._drop_artifacts(record)
        self._store.delete(base)
        return self._operations.done(base, "DeleteOperationMetadata", "Empty", {})

    def _delete_version(self, call: Call) -> Record:
        record = self.version(self._name(call))
        base, number = record["name"], record["versionId"]
        self._refuse_deployed([record])
        if len(self._store.get(base)["aliases"]) == 1:
            raise ApiError("FAILED_PRECONDITION", f"{base}@{number} is the only version: delete the model instead.")
        if "default" in record["versionAliases"]:
            raise ApiError(
                "FAILED_PRECONDITION", f"{base}@{number} is the default version: give the alias to another one first."
            )
        self._drop_artifacts(record)
        self._forget(base, number)
        self._store.delete(f"{base}/versions/{number}")
        return self._operations.done(base, "DeleteOperationMetadata", "Empty", {})

    def _drop_artifacts(self, record: Mapping[str, Any]) -> None:
        if record.get("artifactUri"):
            shutil.rmtree(artifact_path(self._settings, served_uri(record)), ignore_errors=True)

    def _import_evaluation(self, call: Call) -> Record:
        request = call.message("ImportModelEvaluationRequest")
        messages.require(request, "modelEvaluation")
        record = self.version(self._name(call))
        name = f"{record['name']}/evaluations/{names.fresh_id()}"
        evaluation = {
            **request["modelEvaluation"],
            "name": name,
            "createTime": names.now(),
            "modelVersionId": record["versionId"],
        }
        self._store.put(name, evaluation)
        return _public_evaluation(evaluation)

    def _get_evaluation(self, call: Call) -> Record:
        return _public_evaluation(self._store.get(f"{self._base(call)}/evaluations/{call.path['evaluation']}"))

    def _list_evaluations(self, call: Call) -> Record:
        record = self.version(self._name(call))
        chosen = [
            _public_evaluation(evaluation)
            for evaluation in self._store.list(record["name"], "evaluations")
            if evaluation["modelVersionId"] == record["versionId"]
        ]
        return listing.page(chosen, "modelEvaluations", call.parameter)


def artifact_path(settings: Settings, uri: str) -> Path:
    """Where the objects below a `gs://` address lie on disk.

    Raises:
        ApiError: INVALID_ARGUMENT for another kind of address, or one that leaves its bucket.
    """
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    parts = [part for part in path.split("/") if part]
    if not uri.startswith("gs://") or not bucket or {".", ".."} & {bucket, *parts}:
        raise invalid(f"artifactUri {uri!r} is not a Cloud Storage folder such as gs://bucket/folder.")
    return settings.home.storage.joinpath(bucket, *parts)


def artifact_folder(settings: Settings, uri: str) -> Path:
    """As `artifact_path`, for a folder that must hold something.

    Raises:
        ApiError: INVALID_ARGUMENT as there, FAILED_PRECONDITION where it is absent or empty.
    """
    folder = artifact_path(settings, uri)
    if not folder.is_dir() or not any(path.is_file() for path in folder.rglob("*")):
        raise ApiError("FAILED_PRECONDITION", f"The artifactUri {uri} holds no objects: upload the model there first.")
    return folder


def check(request: Mapping[str, Any]) -> None:
    """Checks an `UploadModelRequest`.

    Raises:
        ApiError: INVALID_ARGUMENT for a missing or wrong field of its model.
    """
    messages.require(request, "model.displayName")
    _check(request["model"])
    _check_aliases(request["model"].get("versionAliases", []))


def _check(model: Mapping[str, Any]) -> None:
    names.check_display_name(model, "model.")
    if model.get("containerSpec"):
        messages.require(model, "containerSpec.imageUri")
        for key in ("healthRoute", "predictRoute"):
            if not str(model["containerSpec"].get(key, "/")).startswith("/"):
                raise invalid(f"model.containerSpec.{key} {model['containerSpec'][key]!r} must begin with '/'.")


def _check_aliases(aliases: list[str]) -> list[str]:
    for alias in aliases:
        if not _ALIAS.fullmatch(alias):
            raise invalid(
                f"The version alias {alias!r} is not valid: it begins with a lower-case letter, ends with a letter or"
                " digit, and holds letters, digits and hyphens."
            )
    return list(dict.fromkeys(aliases))


def _public_evaluation(record: Record) -> Record:
    return {key: value for key, value in record.items() if key != "modelVersionId"}
