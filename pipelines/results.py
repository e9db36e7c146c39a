"""Copying what a run made from Cloud Storage to this machine."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from google.cloud import storage

from pipelines.following import Snapshot


@dataclass(frozen=True)
class Output:
    """An output worth having at hand.

    Attributes:
        step: Step that makes it.
        artifact: Name of the step's output.
        file: Name of the copy of an artifact that is one file; empty for a folder, whose files keep their names.
        only: The one file of a folder that is copied; empty for all of them.
    """

    step: str
    artifact: str
    file: str = ""
    only: str = ""


OUTPUTS = (
    Output("detect_changes", "changes"),
    Output("validate_examples", "report", "validation.html"),
    Output("train_model", "model", only="learning_curves.png"),
    Output("evaluate_model", "evaluation"),
    Output("register_ee_model", "registration"),
    Output("predict_map", "map"),
    Output("predict_map", "report", "report.html"),
    Output("preview_map", "preview"),
    Output("preview_map", "report", "report.html"),
)


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
    steps = {step.name: step for step in snapshot.steps if step.state in ("SUCCEEDED", "SKIPPED")}
    copies = []
    for output in OUTPUTS:
        step = steps.get(output.step)
        for uri in step.outputs.get(output.artifact, ()) if step else ():
            copies += list(_copy(client, uri, folder, output))
    return copies


def _copy(client: storage.Client, uri: str, folder: Path, output: Output) -> Iterator[Path]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if output.file:
        yield _download(client.bucket(bucket).blob(name), folder / output.file)
        return
    prefix = name.rstrip("/") + "/"
    for blob in client.list_blobs(bucket, prefix=prefix + output.only):
        relative = PurePosixPath(blob.name.removeprefix(prefix))
        # An object's name may hold "..": a copy never leaves the folder.
        if not relative.name or relative.is_absolute() or ".." in relative.parts:
            continue
        yield _download(blob, folder / relative)


def _download(blob: storage.Blob, path: Path) -> Path:
    """Copies an object, whole or not at all: half a map must not pass for a map."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        blob.download_to_filename(str(part))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
