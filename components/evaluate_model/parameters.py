"""What a model was made with, as flat names and values: the parameters of a run of an experiment."""

from pathlib import Path

from earthline.formats.manifest import Manifest
from earthline.vertex.experiments import Value
from trainer.description import HISTORY, Description
from trainer.history import read_history


def of(model_folder: Path, manifest: Manifest) -> dict[str, Value]:
    """Architecture with its options, what it learned from, and for how long.

    Args:
        model_folder: Folder that the trainer wrote.
        manifest: Of the examples.

    Raises:
        ValueError: The folder is of another version.
    """
    description = Description.read(model_folder)
    state = read_history(model_folder / HISTORY)
    found: dict[str, Value] = {"model": str(description.model.get("name", "unknown"))}
    for key, value in description.model.items():
        if key != "name" and value is not None:
            found[f"model.{key}"] = value if isinstance(value, int | float | str) else str(value)
    height, width = manifest.patch_shape
    return found | {
        "parameters": description.parameters,
        "receptive_field": description.receptive_field,
        "bands": ", ".join(manifest.bands),
        "patch_shape": f"{height} x {width}",
        **{f"{split}_examples": part.examples for split, part in manifest.splits.items()},
        "split": manifest.split_hash[:12],
        "epochs": len(state.history),
        "best_epoch": state.best_epoch,
    }
