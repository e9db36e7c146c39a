"""What is asked of Earth Engine about export tasks: to begin one, how it stands, to end it."""

from typing import Any

import ee

from components.export_examples.batch.recipe import Recipe
from components.export_examples.batch.task import Ledger, Task
from components.export_examples.job import Job
from earthline.earth_engine.retry import PixelsError, ask

_FULL = "tasks already in the queue"


class QueueFullError(Exception):
    """Earth Engine takes no further task now."""


class Operations:
    """Tasks as Earth Engine's operations; each question is asked as often as `export.attempts` says."""

    def __init__(self, job: Job, recipe: Recipe, ledger: Ledger) -> None:
        """Asks nothing yet; the process must be connected to Earth Engine.

        Args:
            job: What is exported.
            recipe: How a task's table is made.
            ledger: Where results go.
        """
        self._attempts, self._recipe, self._ledger = job.export.attempts, recipe, ledger

    def begin(self, task: Task) -> str:
        """Begins a task; a request that comes twice begins one.

        Returns:
            Name of the operation.

        Raises:
            QueueFullError: There are too many.
            PixelsError: Earth Engine does not answer.
        """
        request = {
            "expression": self._recipe.table(task.corners, task.tile_scale),
            "description": task.request_id,
            "fileExportOptions": {
                "fileFormat": "TF_RECORD_TABLE",
                "cloudStorageDestination": {"bucket": self._ledger.bucket, "filenamePrefix": self._ledger.result(task)},
            },
            "selectors": self._recipe.columns,
        }

        def begin() -> dict[str, Any]:
            try:
                begun: dict[str, Any] = ee.data.exportTable(task.request_id, dict(request))
            except ee.EEException as error:
                if _FULL in str(error):
                    raise QueueFullError from error
                raise
            return begun

        return str(ask(begin, self._attempts, f"export task {task.request_id}")["name"])

    def listed(self) -> dict[str, str]:
        """Names of the project's operations by their descriptions, which are a task's request id.

        Raises:
            PixelsError: Earth Engine does not answer.
        """
        found = ask(lambda: ee.data.listOperations(), self._attempts, "the list of export tasks")
        return {str(each.get("metadata", {}).get("description")): str(each["name"]) for each in found}

    def of(self, task: Task) -> dict[str, Any]:
        """How a task stands: Earth Engine's `Operation`.

        Raises:
            PixelsError: Earth Engine does not answer.
        """
        try:
            found: dict[str, Any] = ask(
                lambda: ee.data.getOperation(task.operation), self._attempts, f"export task {task.operation}"
            )
        except PixelsError as error:
            if "not found" not in str(error).lower():
                raise
            # Earth Engine forgets old operations; what they wrote may be there all the same.
            return {"done": True}
        return found

    def cancel(self, task: Task) -> None:
        """Ends a task.

        Raises:
            PixelsError: Earth Engine does not answer, or it has ended.
        """
        ask(lambda: ee.data.cancelOperation(task.operation), self._attempts, f"export task {task.operation}")
