"""Where exports write: objects of Cloud Storage, and files of Google Drive, both plain files of the sandbox.

Google Drive is the folder `drive` of the sandbox's home: `drive/<folder>/<name>`. As on Drive, a folder is created
where there is none; unlike there, a file of the same name is replaced.
"""

import os
import re
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from earthline_sandbox.errors import invalid, not_found

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
#: A prefix that ends so is followed by the number or by `mixer` at once.
_SEPARATORS = ("-", "_", "/")


@dataclass(frozen=True)
class Destination:
    """A place for the files of one export.

    Attributes:
        root: Folder that holds them; nothing is written outside of it.
        prefix: Start of each file's name; it may name folders.
        address: Address of the root, such as `gs://bucket`.
    """

    root: Path
    prefix: str
    address: str

    @classmethod
    def of(cls, storage: Path, drive: Path, options: Mapping[str, Any], description: str) -> "Destination":
        """The destination of a REST `fileExportOptions`.

        Args:
            storage: Folder of all buckets.
            drive: Folder of Google Drive.
            options: Its `cloudStorageDestination` or `driveDestination` is read.
            description: The task's, which names files that have no other name.

        Raises:
            ApiError: INVALID_ARGUMENT or NOT_FOUND where there is none that can be used.
        """
        if isinstance(given := options.get("cloudStorageDestination"), Mapping):
            bucket = str(given.get("bucket", ""))
            if not _BUCKET.fullmatch(bucket) or not (storage / bucket).is_dir():
                raise not_found(f"The specified bucket '{bucket}' does not exist in Cloud Storage.")
            made = cls((storage / bucket).resolve(), str(given.get("filenamePrefix") or description), f"gs://{bucket}")
        elif isinstance(given := options.get("driveDestination"), Mapping):
            name = _drive_name(str(given.get("folder") or "").strip()) or "My Drive"
            root = (drive / name).resolve()
            # Drive has no folders in names of files.
            made = cls(root, _drive_name(str(given.get("filenamePrefix") or description)), root.as_uri())
        else:
            kind = next((key for key in options if key.endswith("Destination")), "none")
            raise invalid(
                f"Export destination '{kind}' is not supported by the sandbox; use cloudStorageDestination or "
                "driveDestination."
            )
        if not made.prefix or not (made.root / f"{made.prefix}.x").resolve().is_relative_to(made.root):
            raise invalid(f"Invalid filenamePrefix '{made.prefix}'.")
        return made

    @property
    def separator(self) -> str:
        """What stands between the prefix and a number: nothing where the prefix ends in a separator."""
        return "" if self.prefix.endswith(_SEPARATORS) else "-"

    def publish(self, file: Path, suffix: str) -> str:
        """Moves a finished file to its place in one step, and gives its address."""
        target = self.root / f"{self.prefix}{suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        # The file may come from another disk: copy beside its place first, then rename.
        beside = target.with_name(f".{uuid.uuid4().hex}.partial")
        shutil.move(file, beside)
        os.replace(beside, target)
        return f"{self.address}/{self.prefix}{suffix}"


def _drive_name(text: str) -> str:
    return re.sub(r"[^\w .()-]", "_", text).lstrip(".")
