"""Loads a prepared model with the runtime that its contract records."""

from pathlib import Path

from earthline.runtimes.runtime import Runtime


def load(folder: Path) -> Runtime:
    """The runtime of a prepared model, warm.

    Args:
        folder: A SavedModel with its contract.

    Raises:
        RuntimeFault: It cannot be loaded.
    """
    from earthline.runtimes.tensorflow_runtime import TensorFlowRuntime  # seconds to import

    return TensorFlowRuntime(folder)
