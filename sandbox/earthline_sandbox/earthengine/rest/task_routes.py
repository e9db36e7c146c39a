"""REST methods of batch tasks: imports, exports and their operations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.routing import Route

from earthline_sandbox.earthengine.catalogue.assets import Assets
from earthline_sandbox.earthengine.catalogue.ingest import Ingestion, required
from earthline_sandbox.earthengine.catalogue.names import name_of
from earthline_sandbox.earthengine.evaluation.evaluation import Evaluator
from earthline_sandbox.earthengine.formats import rendering, tables
from earthline_sandbox.earthengine.functions.learning import stored_classifiers
from earthline_sandbox.earthengine.language import results
from earthline_sandbox.earthengine.learning.learners import Classifier
from earthline_sandbox.earthengine.limits import Limits
from earthline_sandbox.earthengine.rest.dispatch import Call, Dispatcher, unsupported
from earthline_sandbox.earthengine.rest.faults import Faults
from earthline_sandbox.earthengine.rest.field_names import in_camel_case
from earthline_sandbox.earthengine.tasks import exports
from earthline_sandbox.earthengine.tasks.destinations import Destination
from earthline_sandbox.earthengine.tasks.operations import Operations, Task
from earthline_sandbox.earthengine.values.values import Collection, Feature
from earthline_sandbox.errors import invalid

_MAX_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class TaskRoutes:
    """The routes of image and table imports and exports, and of `projects.operations`.

    Attributes:
        evaluator: Computes what is exported.
        assets: The catalogue.
        ingestion: Reads what is imported.
        operations: Runs the tasks.
        storage: Folder of Cloud Storage's objects.
        drive: Folder of Google Drive's files.
        limits: Sizes.
        faults: May fail tasks on purpose.
    """

    evaluator: Evaluator
    assets: Assets
    ingestion: Ingestion
    operations: Operations
    storage: Path
    drive: Path
    limits: Limits
    faults: Faults

    def routes(self, dispatcher: Dispatcher) -> list[Route]:
        """All of them."""
        project, route = "projects/{project}", dispatcher.route
        operation = project + "/operations/{id}"
        found = [
            route("POST", f"{project}/image:import", self._import_image),
            route("POST", f"{project}/image:importExternal", self._import_external),
            route("POST", f"{project}/table:import", self._import_table),
            route("POST", f"{project}/image:export", self._export_image, compute=True),
            route("POST", f"{project}/table:export", self._export_table, compute=True),
            route("POST", f"{project}/classifier:export", self._export_classifier, compute=True),
            route("GET", f"{project}/operations", self._list),
            route("POST", f"{operation}:cancel", self._cancel),
            route("POST", f"{operation}:wait", self._wait),
            route("GET", operation, self._get),
            route("DELETE", operation, self._delete),
        ]
        for kind in ("video", "map", "videoMap"):
            found.append(route("POST", f"{project}/{kind}:export", unsupported(f"Export.{kind}")))
        return found

    def _import_image(self, call: Call) -> Any:
        manifest, overwrite = in_camel_case(call.section("imageManifest")), bool(call.body.get("overwrite"))
        name = name_of(required(manifest, "name"))
        # What can be refused at once is, so that the client hears of it before it waits.
        self.assets.check_target(name, "IMAGE", overwrite=overwrite)

        def work(task: Task) -> list[str]:
            self.ingestion.image(manifest, overwrite=overwrite, progress=task.progress)
            return [name]

        return self._submit(call, "INGEST_IMAGE", f'Ingest image: "{name}"', work)

    def _import_external(self, call: Call) -> Any:
        manifest = in_camel_case(call.section("imageManifest"))
        asset = self.ingestion.image(manifest, overwrite=bool(call.body.get("overwrite")))
        return {"name": asset.name}

    def _import_table(self, call: Call) -> Any:
        manifest, overwrite = in_camel_case(call.section("tableManifest")), bool(call.body.get("overwrite"))
        name = name_of(required(manifest, "name"))
        self.assets.check_target(name, "TABLE", overwrite=overwrite)

        def work(task: Task) -> list[str]:
            self.ingestion.table(manifest, overwrite=overwrite)
            return [name]

        return self._submit(call, "INGEST_TABLE", f'Ingest table: "{name}"', work)

    def _export_image(self, call: Call) -> Any:
        image = self.evaluator.image_of(self.evaluator.evaluate(call.section("expression")))
        image = rendering.selected(image, None)
        exports.check_size(rendering.native_grid(image), call.body, self.limits)
        description = str(call.body.get("description") or "export")
        if isinstance(options := call.body.get("assetExportOptions"), Mapping):
            target = options.get("earthEngineDestination") or {}
            name, overwrite = name_of(required(target, "name")), bool(target.get("overwrite"))
            self.assets.check_target(name, "IMAGE", overwrite=overwrite)
            default = str(options.get("pyramidingPolicy", "MEAN"))
            policies = {band: default for band in image.names} | dict(options.get("pyramidingPolicyOverrides") or {})

            def work(task: Task) -> list[str]:
                return exports.to_asset(image, self.assets, name, overwrite=overwrite, pyramiding=policies, task=task)

        else:
            options = call.section("fileExportOptions")
            exports.check_format(image, options)
            destination = Destination.of(self.storage, self.drive, options, description)

            def work(task: Task) -> list[str]:
                return exports.to_files(image, destination, options, task)

        return self._submit(call, "EXPORT_IMAGE", description, work)

    def _export_table(self, call: Call) -> Any:
        value = self.evaluator.evaluate(call.section("expression"))
        if not isinstance(value, Collection):
            raise invalid("Export.table: Expected a value of type FeatureCollection.")
        description = str(call.body.get("description") or "export")
        selectors = call.body.get("selectors")

        def members(task: Task) -> Iterator[Feature]:
            for member in value:
                task.progress(0.0)
                if not isinstance(member, Feature):
                    raise invalid("Export.table: The collection holds elements that are no features.")
                yield member

        def features(task: Task) -> list[dict[str, Any]]:
            return [results.feature_json(member, self.evaluator.limits) for member in members(task)]

        if isinstance(given := call.body.get("assetExportOptions"), Mapping):
            target = given.get("earthEngineDestination") or {}
            name, overwrite = name_of(required(target, "name")), bool(target.get("overwrite"))
            self.assets.check_target(name, "TABLE", overwrite=overwrite)

            def work(task: Task) -> list[str]:
                return exports.table_to_asset(features(task), self.assets, name, overwrite=overwrite)

        else:
            options = call.section("fileExportOptions")
            file_format = str(options.get("fileFormat") or "CSV")
            tables.check_format(file_format)
            destination = Destination.of(self.storage, self.drive, options, description)

            def work(task: Task) -> list[str]:
                if file_format == "TF_RECORD_TABLE":
                    rows = (results.row(member, selectors, self.evaluator.limits) for member in members(task))
                    return exports.records_to_file(rows, destination)
                return exports.table_to_file(features(task), file_format, selectors, destination)

        return self._submit(call, "EXPORT_FEATURES", description, work)

    def _export_classifier(self, call: Call) -> Any:
        value = self.evaluator.evaluate(call.section("expression"))
        if not isinstance(value, Classifier):
            raise invalid("Export.classifier: Expected a value of type Classifier.")
        # What is wrong with the samples is found out now, while the client listens.
        value.schema()
        options = call.section("assetExportOptions")
        target = options.get("earthEngineDestination") or {}
        name, overwrite = name_of(required(target, "name")), bool(target.get("overwrite"))
        self.assets.check_target(name, stored_classifiers.TYPE, overwrite=overwrite)

        def work(task: Task) -> list[str]:
            return exports.classifier_to_asset(value, self.assets, name, overwrite=overwrite)

        return self._submit(call, "EXPORT_CLASSIFIER", str(call.body.get("description") or "export"), work)

    def _submit(self, call: Call, kind: str, description: str, work: Any) -> Any:
        request_id = call.body.get("requestId")

        def run(task: Task) -> list[str]:
            self.faults.fail(kind)
            written: list[str] = work(task)
            return written

        return self.operations.submit(call.project, kind, description, run, str(request_id) if request_id else None)

    def _list(self, call: Call) -> Any:
        return self.operations.page(call.project, call.number("pageSize"), call.query.get("pageToken", ""))

    def _get(self, call: Call) -> Any:
        return self.operations.get(_name(call))

    def _cancel(self, call: Call) -> Any:
        self.operations.cancel(_name(call))
        return {}

    def _wait(self, call: Call) -> Any:
        seconds = str(call.body.get("timeout") or f"{_MAX_WAIT_SECONDS}s").removesuffix("s")
        try:
            limit = min(float(seconds), _MAX_WAIT_SECONDS)
        except ValueError as error:
            raise invalid(f"Invalid timeout '{seconds}'; it must look like 30s.") from error
        return self.operations.wait(_name(call), limit)

    def _delete(self, call: Call) -> Any:
        self.operations.delete(_name(call))
        return {}


def _name(call: Call) -> str:
    return f"projects/{call.project}/operations/{call.path['id']}"
