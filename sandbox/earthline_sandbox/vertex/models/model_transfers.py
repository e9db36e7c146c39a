"""Export of models to Cloud Storage, and copies of models within the registry.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models/export and
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models/copy have the calls.
"""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from starlette.routing import Route

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.models.models import Models, artifact_folder, artifact_path, served_uri
from earthline_sandbox.vertex.rest import messages, names
from earthline_sandbox.vertex.rest.operations import Operations
from earthline_sandbox.vertex.rest.routes import Call, Part, route
from earthline_sandbox.vertex.rest.store import Record

_OF_THE_COPY: Final = ("name", "versionId", "versionAliases", "createTime", "updateTime", "etag", "deployedModels")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class ModelTransfers(Part):
    """Export and copy of models."""

    def __init__(self, settings: Settings, operations: Operations, models: Models) -> None:
        """Transfers versions of `models`."""
        self._settings = settings
        self._operations = operations
        self._models = models

    def routes(self) -> list[Route]:
        """Routes of ModelService."""
        begun = self._operations.begun
        return [
            route(self._settings, "POST", "models/{model}:export", begun(self._export)),
            route(self._settings, "POST", "models:copy", begun(self._copy)),
        ]

    def _export(self, call: Call) -> Record:
        request = call.message("ExportModelRequest")
        output = request.get("outputConfig", {})
        record = self._models.version(f"{call.parent}/models/{call.path['model']}")
        formats = [known["id"] for known in record["supportedExportFormats"]]
        if output.get("exportFormatId") not in formats:
            raise invalid(
                f"outputConfig.exportFormatId {output.get('exportFormatId', '')!r} is not supported for this model;"
                f" supported: {', '.join(formats)}."
            )
        if output.get("imageDestination"):
            raise invalid(
                "outputConfig.imageDestination is not supported: the sandbox has no container registry. Export the"
                " artifacts, by artifactDestination."
            )
        messages.require(output, "artifactDestination.outputUriPrefix")
        prefix = output["artifactDestination"]["outputUriPrefix"].rstrip("/")
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        title = _UNSAFE.sub("-", record["displayName"])
        uri = f"{prefix}/model-export-{title}-{moment}"
        target = artifact_path(self._settings, uri)
        if not (bucket := artifact_path(self._settings, f"gs://{uri[5:].partition('/')[0]}")).is_dir():
            raise ApiError("FAILED_PRECONDITION", f"The bucket {bucket.name!r} of {prefix} does not exist.")
        source = self._artifacts(record)

        def work() -> Record:
            shutil.copytree(source, target)
            return {}

        return self._operations.run(
            record["name"],
            "ExportModelOperationMetadata",
            "ExportModelResponse",
            work,
            details={"outputInfo": {"artifactOutputUri": uri}},
        )

    def _copy(self, call: Call) -> Record:
        request = call.message("CopyModelRequest")
        messages.require(request, "sourceModel")
        record = self._models.version(self._source(request["sourceModel"]))
        base = self._models.target(call.place, request)
        model = {key: value for key, value in record.items() if key not in _OF_THE_COPY}
        model["modelSourceInfo"] = {**record["modelSourceInfo"], "copy": True}
        model["originalModelInfo"] = {"model": f"{record['name']}@{record['versionId']}"}
        source = self._artifacts(record) if record.get("artifactUri") else None
        return self._operations.run(
            base,
            "CopyModelOperationMetadata",
            "CopyModelResponse",
            lambda: self._models.add(base, model, source),
        )

    def _source(self, name: str) -> str:
        """Full name of the model to copy, which may lie in another location."""
        parent, _, identifier = name.rpartition("/models/")
        if not parent or "/" in identifier:
            raise invalid(f"sourceModel {name!r} is not a name of the form projects/P/locations/L/models/ID.")
        return f"{names.parse_place(self._settings, parent).parent}/models/{identifier}"

    def _artifacts(self, record: Record) -> Path:
        if not record.get("artifactUri"):
            raise ApiError("FAILED_PRECONDITION", f"The model {record['name']} has no artifacts to export.")
        return artifact_folder(self._settings, served_uri(record))
