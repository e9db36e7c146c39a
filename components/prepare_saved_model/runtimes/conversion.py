"""A trained network becomes one of OpenVINO's, without TensorFlow's operations and files."""

import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from earthline.runtimes.openvino_runtime import FOLDER, NETWORK

_INPUT = "planes"


class ConversionError(ValueError):
    """A network that OpenVINO cannot take; the text says why."""


def convert(network: Any, bands: int, folder: Path) -> None:
    """Writes `openvino/model.xml` and `openvino/model.bin` beside a SavedModel.

    The network alone is converted: what masks and mirrors tiles before it is `earthline.runtimes.planes`. Weights stay
    float32.

    Args:
        network: Keras model of image (tiles, height, width, bands) and validity (tiles, height, width, 1).
        bands: Bands of the image.
        folder: The SavedModel's.

    Raises:
        ConversionError: It has an operation that OpenVINO lacks, or OpenVINO is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise ConversionError(f"OpenVINO is not installed: {error}") from error
    try:
        with tempfile.TemporaryDirectory(prefix="frozen-") as name:
            path = Path(name) / "network.pb"
            path.write_bytes(_frozen(network, bands))
            # Not openvino.convert_model: that one reports to its makers where it is used.
            converted = openvino.Core().read_model(path)
            openvino.save_model(converted, folder / FOLDER / NETWORK, compress_to_fp16=False)
    except (RuntimeError, ValueError, TypeError) as error:
        (folder / FOLDER / NETWORK).unlink(missing_ok=True)
        raise ConversionError(f"OpenVINO cannot take the network: {_told(error)}") from error


def _frozen(network: Any, bands: int) -> bytes:
    """The network as one graph, weights and all, float32 (tiles, bands + 1, height, width) in."""
    # No public function does this any more; OpenVINO does not read every SavedModel with variables.
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    def compute(planes: Any) -> Any:
        # As planes, so that OpenVINO, which computes on planes, has nothing to turn around.
        image = tf.transpose(planes, (0, 2, 3, 1))
        return network([image[..., :bands], image[..., bands:]], training=False)

    concrete = tf.function(compute, autograph=False).get_concrete_function(
        tf.TensorSpec((None, bands + 1, None, None), tf.float32, name=_INPUT)
    )
    graph: bytes = convert_variables_to_constants_v2(concrete).graph.as_graph_def().SerializeToString()
    return graph


def _told(error: Exception) -> str:
    lines = [line.strip("- ") for line in str(error).splitlines() if line.strip()]
    # OpenVINO says first in which of its files it stopped, and which operations it lacks further below.
    told = [line for line in lines if line.startswith("No conversion rule")]
    told += [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or [type(error).__name__])[0][:300]
