"""Training code that comes as Python packages: the container that installs and runs them.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/CustomJobSpec#PythonPackageSpec has the message. On Vertex AI
the executor image is one of Google's own; as processes, this environment stands for it as for any other image.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from earthline_sandbox.errors import ApiError, invalid
from earthline_sandbox.settings import Settings
from earthline_sandbox.vertex.containers import mount
from earthline_sandbox.vertex.rest import messages

MOST_PACKAGES: Final = 100
"""Packages of one specification."""

_RUNNER: Final = Path(__file__).with_name("package_runner.py")


def check(pool: Mapping[str, Any], place: str) -> None:
    """Checks the `PythonPackageSpec` of a worker pool.

    Args:
        pool: The `WorkerPoolSpec` as JSON.
        place: Where it stands, for the refusal.

    Raises:
        ApiError: INVALID_ARGUMENT for a missing field, too many packages or one that is no object of Cloud Storage.
    """
    messages.require(pool, *(f"pythonPackageSpec.{key}" for key in ("executorImageUri", "packageUris", "pythonModule")))
    uris = pool["pythonPackageSpec"]["packageUris"]
    place = f"{place}.pythonPackageSpec.packageUris"
    if len(uris) > MOST_PACKAGES:
        raise invalid(f"{place} has {len(uris)} packages; at most {MOST_PACKAGES} are valid.")
    for uri in uris:
        if not mount.is_object(uri):
            raise invalid(f"{place} holds {uri!r}, which does not begin with gs://.")


def container(settings: Settings, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The `ContainerSpec` that installs the packages and runs the module.

    Args:
        settings: The sandbox.
        spec: The `PythonPackageSpec` as JSON, checked.

    Raises:
        ApiError: FAILED_PRECONDITION where a package is not there.
    """
    for uri in spec["packageUris"]:
        if not mount.local_path(settings, uri).is_file():
            raise ApiError("FAILED_PRECONDITION", f"The package {uri} is not there: upload it first.")
    packages = [mount.visible_path(settings, uri) for uri in spec["packageUris"]]
    return {
        "imageUri": spec["executorImageUri"],
        "command": ["python3", "-c", _RUNNER.read_text(encoding="utf-8")],
        "args": [spec["pythonModule"], str(len(packages)), *packages, *spec.get("args", [])],
        "env": spec.get("env", []),
    }
