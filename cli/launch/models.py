"""Where a model lies that a user names: a folder, a run, a bucket, or an endpoint."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cli.launch import target

if TYPE_CHECKING:  # these modules load pydantic
    from earthline.config import Environment

REMOTE = "gs://"
MOST_BYTES = 8 << 30
"""Largest model that is downloaded."""
_PREPARED = "prepare_saved_model", "prepared"
_TRAINED = "train_model", "model"


def folder(model: str, config: Path | None, stack: ExitStack) -> Path:
    """A model's folder on this machine.

    Args:
        model: A folder, a run's id or folder, or gs://bucket/folder.
        config: Config whose environment to look in; None for that of the run, of the newest run of this folder, or
            the credentials as they are.
        stack: Removes what is downloaded, at its end.

    Raises:
        ModelError: It names nothing.
        TargetError: The sandbox cannot be started.
        google.api_core.exceptions.GoogleAPICallError: Google refuses.
    """
    from earthline.formats.served.contract import CONTRACT
    from earthline.local_map.models import ModelError
    from pipelines.runs import records

    path = Path(model)
    is_run = (path / records.RECORD).is_file() and not (path / CONTRACT).is_file()
    if path.is_dir() and not is_run:
        return path
    if model.startswith(REMOTE):
        enter(config)
        return download(model, stack)
    try:
        record = records.read(path.resolve().name if is_run else model)
    except records.RecordError as error:
        if config is None:
            raise ModelError(
                f"--model {model} is no folder, no gs:// address, and no run that was submitted from this folder (of "
                "another one, add --config CONFIG)"
            ) from error
        from earthline.config import load

        environment, job_id = load(config).environment, model
    else:
        job_id, environment = record.job_id, target.environment_of_run(record)
    target.enter(environment)
    return download(_made(environment, job_id, *_PREPARED), stack)


def of_run(environment: "Environment", job_id: str, stack: ExitStack) -> tuple[Path, Path]:
    """What a run trained and what it prepared of it: the network with its description, and the patches of its proof.

    Args:
        environment: Where it ran.
        job_id: Id of the run.
        stack: Removes what is downloaded, at its end.

    Raises:
        ModelError: It has made no such model.
        TargetError: The sandbox cannot be started.
        google.api_core.exceptions.GoogleAPICallError: Google refuses.
    """
    from earthline.formats.placed_patches import PATCHES
    from trainer.description import DESCRIPTION, KERAS_MODEL

    target.enter(environment)
    prepared, trained = (_made(environment, job_id, *each) for each in (_PREPARED, _TRAINED))
    return download(trained, stack, DESCRIPTION, KERAS_MODEL), download(prepared, stack, PATCHES)


def enter(config: Path | None) -> "Environment | None":
    """Makes sure that calls go where a model is that is not on this machine; None where nothing says where that is.

    Args:
        config: As `folder` takes it.
    """
    environment = target.known_environment(config)
    if environment is not None:
        target.enter(environment)
    return environment


def download(uri: str, stack: ExitStack, *names: str) -> Path:
    """Brings a folder here.

    Args:
        uri: gs://bucket/folder.
        stack: Removes it, at its end.
        names: Only these files; none for all.

    Raises:
        ModelError: It is no folder, or too large.
        google.api_core.exceptions.GoogleAPICallError: Cloud Storage refuses.
    """
    from earthline.local_map.models import ModelError
    from earthline.storage import folders

    path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="model-")))
    try:
        folders.download(uri, path, MOST_BYTES, names=names)
    except folders.FolderError as error:
        raise ModelError(str(error)) from error
    return path


def _made(environment: "Environment", job_id: str, step: str, output: str) -> str:
    """The address of what a step of a run made."""
    from earthline.local_map.models import ModelError
    from pipelines.runs.run import Run
    from pipelines.runs.snapshots import NOTHING_NEW, REJECTED

    run = Run(environment.project, environment.location, job_id).read()
    found = next((each.outputs.get(output, ()) for each in run.steps if each.name == step), ())
    if found:
        return found[0]
    if not run.ended:
        raise ModelError(f"run {job_id} has prepared no model yet; wait for it: earthline runs follow {job_id}")
    # What was rejected may have been trained by an earlier run, which the outcome tells as well.
    why = f"it is {run.state}"
    if run.outcome.startswith(REJECTED):
        why = "its model was not good enough to be deployed"
    elif run.outcome == NOTHING_NEW:
        why = "there was nothing new to learn from"
    raise ModelError(f"run {job_id} has prepared no model: {why} (earthline runs show {job_id}); name another run")
