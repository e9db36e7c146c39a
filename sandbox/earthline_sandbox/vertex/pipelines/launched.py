"""Errors of the jobs that a launcher of Google's pipeline components began.

A launcher ends with the state of its job alone; it leaves the names of what it began in its output `gcp_resources`,
whose form https://github.com/kubeflow/pipelines/blob/master/components/google-cloud/google_cloud_pipeline_components/proto/README.md
has. The reasons are on record in the sandbox.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from earthline_sandbox.errors import ApiError
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import mount
from earthline_sandbox.vertex.rest.store import Store

_LARGEST: Final = 2**20
_NAME: Final = re.compile(
    r"https://[^/]+/(?:v1|v1beta1|ui)/(projects/[^/]+/locations/[^/]+/(?:[^/]+/[^/]+/)*?[^/]+/[^/]+)"
)


def failures(settings: Settings, outputs: Mapping[str, Any]) -> str:
    """The errors of the jobs and operations that a task began; empty where there are none.

    Args:
        settings: The sandbox.
        outputs: The task's `outputs` as its executor input has them.
    """
    slot = outputs.get("parameters", {}).get("gcp_resources")
    if slot is None:
        return ""
    store = Store(settings.home.vertex / "records")
    found = []
    for uri in _uris(mount.seen_path(settings, slot["outputFile"])):
        match = _NAME.fullmatch(uri)
        if match is None:
            continue
        parts = match[1].split("/")
        # An operation is kept below its place, whatever resource its name has before it.
        name = "/".join([*parts[:4], *parts[-2:]])
        try:
            message = store.get(name).get("error", {}).get("message", "")
        except ApiError:
            continue
        if message:
            found.append(f"{name}: {message}")
    return "\n".join(found)


def _uris(file: Path) -> list[str]:
    try:
        with file.open("rb") as content:
            resources = json.loads(content.read(_LARGEST)).get("resources", [])
        return [str(resource.get("resourceUri", "")) for resource in resources]
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return []  # it began nothing, or its end cut the file off
