"""Start-up hook of every Python process that the sandbox runs.

On Vertex AI, Cloud Storage is mounted under /gcs/, and KFP turns an artifact's `gs://` uri into a path there. Here
the mount is a folder of the sandbox, so KFP's prefix is set when, and only when, a process imports KFP, and Python's
file functions find what code itself looks for below /gcs/. Any `sitecustomize` that this module shadows is run as well.
It imports next to nothing: every process pays for it.
"""

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType

TARGET = "kfp.dsl.types.artifact_types"
HERE = os.path.dirname(os.path.abspath(__file__))
PATHS = importlib.import_module("mounted_paths")


class MountLoader(importlib.machinery.SourceFileLoader):
    """Loads KFP's artifact types, then points them at the mounted storage."""

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module; the prefix is a private name of KFP, hence the check that it is there."""
        super().exec_module(module)
        if not hasattr(module, "_GCS_LOCAL_MOUNT_PREFIX"):
            raise ImportError(
                f"{TARGET} of this KFP version has no _GCS_LOCAL_MOUNT_PREFIX, so artifacts' paths cannot be "
                "pointed at the sandbox's storage: install the KFP version that the sandbox is made for"
            )
        vars(module)["_GCS_LOCAL_MOUNT_PREFIX"] = mount = os.environ["SANDBOX_GCS_MOUNT"]
        # An artifact may be given a path as Vertex AI has it.
        remote = module.convert_local_path_to_remote_path
        vars(module)["convert_local_path_to_remote_path"] = lambda path: remote(PATHS.located(path, mount))


class MountFinder:
    """A finder of `sys.meta_path` for KFP's artifact types; every other module goes past it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's usual spec with another loader, or None for any other module."""
        if fullname != TARGET:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = MountLoader(spec.loader.name, spec.loader.path)
        return spec


def run_shadowed() -> None:
    """Imports the `sitecustomize` that would have run, had this folder not come first."""
    own = sys.modules.pop(__name__)
    sys.path[:] = [entry for entry in sys.path if entry != HERE]
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
        sys.modules[__name__] = own


if "SANDBOX_GCS_MOUNT" in os.environ:
    sys.meta_path.insert(0, MountFinder())
    PATHS.mount_paths(os.environ["SANDBOX_GCS_MOUNT"])
run_shadowed()
