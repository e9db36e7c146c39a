"""Loads a prepared model with the runtime that its contract records."""

import importlib.util
import logging
from pathlib import Path

from earthline.formats.served.contract import Contract
from earthline.formats.served.runtime_record import RuntimeName
from earthline.runtimes.runtime import Runtime, RuntimeFault

_logger = logging.getLogger(__name__)


def load(folder: Path, name: RuntimeName | None = None) -> Runtime:
    """The runtime of a prepared model, warm.

    Where OpenVINO is recorded and cannot be used, TensorFlow takes its place if it is installed: it computes the same.

    Args:
        folder: A SavedModel with its contract.
        name: The runtime to use; left out, the one that the contract records.

    Raises:
        RuntimeFault: It cannot be loaded.
    """
    try:
        wanted = name or Contract.read(folder).runtime.name
    except (OSError, ValueError) as error:
        raise RuntimeFault(f"no usable contract beside the SavedModel: {error}") from error
    if wanted == "openvino":
        try:
            from earthline.runtimes.openvino_runtime import OpenVinoRuntime

            return OpenVinoRuntime(folder)
        except (ImportError, RuntimeError) as error:
            if name is not None or importlib.util.find_spec("tensorflow") is None:
                raise RuntimeFault(f"OpenVINO cannot compute the model: {error}") from error
            _logger.warning("OpenVINO cannot compute the model, TensorFlow does: %s", error)
    from earthline.runtimes.tensorflow_runtime import TensorFlowRuntime

    try:
        return TensorFlowRuntime(folder)
    except ImportError as error:
        raise RuntimeFault(
            f"TensorFlow is not installed here ({error}): deploy the model with the image of steps, not with one made "
            "for OpenVINO"
        ) from error
