"""Operations of Earth Engine as tests wait for them: ingestions and exports, by the unmodified client."""

import time
from collections.abc import Mapping
from typing import Any


def finished(ee: Any, name: str) -> dict[str, Any]:
    """The operation once it has ended, well or not."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        operation: dict[str, Any] = ee.data.getOperation(name)
        if operation.get("done"):
            return operation
        time.sleep(0.05)
    raise AssertionError(operation)


def ingested(ee: Any, manifest: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Ingests an image, or a table where the manifest has `sources`; gives the operation once it has ended."""
    begin = ee.data.startTableIngestion if "sources" in manifest else ee.data.startIngestion
    return finished(ee, begin(ee.data.newTaskId()[0], manifest, **options)["name"])


def succeeded(operation: dict[str, Any]) -> dict[str, Any]:
    """Metadata of an operation that went well; one that failed fails the test."""
    metadata: dict[str, Any] = operation["metadata"]
    assert metadata["state"] == "SUCCEEDED", operation
    return metadata
