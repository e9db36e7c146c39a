"""Copying what a run made from Cloud Storage to this machine."""

from collections.abc import Iterator
from pathlib import Path

from google.cloud import storage

from earthline.config.step import Output, declared
from earthline.storage import folders, objects
from pipelines.runs.snapshots import Snapshot


def collect(snapshot: Snapshot, folder: Path, project: str) -> list[Path]:
    """Copies the outputs of the steps that succeeded.

    Args:
        snapshot: The run.
        folder: Where the copies go; it is made where it is missing.
        project: Google Cloud project id.

    Returns:
        Paths of the copies.

    Raises:
        google.api_core.exceptions.GoogleAPICallError: An object cannot be read.
        OSError: A copy cannot be written; no part of it stays.
    """
    client = storage.Client(project=project)
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for step in snapshot.steps:
        if step.state not in ("SUCCEEDED", "SKIPPED") or step.name not in declared():
            continue
        for output in declared()[step.name].outputs:
            for uri in step.outputs.get(output.artifact, ()):
                copies += list(_copy(client, uri, folder, output))
    return copies


def kinds() -> dict[str, str]:
    """What to call each copied file that is shown to the user, by file name, in the order of the steps' names."""
    return {
        file: kind for step in declared().values() for output in step.outputs for file, kind in output.shown.items()
    }


def _copy(client: storage.Client, uri: str, folder: Path, output: Output) -> Iterator[Path]:
    if output.file:
        bucket, _, name = uri.removeprefix("gs://").partition("/")
        yield objects.copy(client.bucket(bucket).blob(name), folder / output.file)
        return
    for relative, blob in folders.below(uri, project=client.project, only=output.only):
        # A copy never leaves the folder.
        if folders.is_inside(relative):
            yield objects.copy(blob, folder / relative)
