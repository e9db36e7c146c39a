"""A prepared model's folder on this machine: its contract, what tells it from others, and what it was proved on."""

import hashlib
from pathlib import Path

from earthline.formats.served.contract import CONTRACT, Contract
from earthline.formats.served.references import PROBE, ProbeFileError, Reference

_CHUNK = 1 << 20


class ModelError(ValueError):
    """A folder that holds no prepared model; the text says what to name instead."""


def contract(folder: Path) -> Contract:
    """Reads a model's contract.

    Args:
        folder: Which `prepare_saved_model` wrote.

    Raises:
        ModelError: It has none that this version reads.
    """
    if not (folder / CONTRACT).is_file():
        raise ModelError(
            f"{folder} holds no {CONTRACT}: name the folder that the step prepare_saved_model wrote, the id of a run, "
            "or the gs:// folder of a registered model"
        )
    try:
        return Contract.read(folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder / CONTRACT} cannot be read by this version: {' '.join(str(error).split())[:300]}; prepare the "
            "model again by running its pipeline"
        ) from error


def digest(folder: Path) -> str:
    """Changes when any file does that decides what a model gives.

    Args:
        folder: Of the model.
    """
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != PROBE):
        found.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while part := file.read(_CHUNK):
                found.update(part)
    return found.hexdigest()


def proved_on(folder: Path) -> Reference | None:
    """Real tiles that the model was proved on; None where the folder has none.

    Args:
        folder: Of the model.
    """
    try:
        return Reference.read(folder)
    except ProbeFileError:
        return None
