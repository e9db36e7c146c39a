"""An ONNX file as a Keras model, after both have been asked the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.models.onnx import graph
from trainer.models.onnx.translation import Translated, least, translated

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-4
"""Largest difference to the file's own numbers, as a share of the largest of them."""
MOST_BYTES = (2 << 30) - 1
"""Of a file: protobuf reads no larger message."""
_TINY = float(np.finfo(np.float32).tiny)
_LEAST = 32
"""Pixels of the shorter side of what they are compared on, at least."""


def content(path: Path, file: str) -> bytes:
    """What a file holds.

    Args:
        path: Of the file on this machine.
        file: Its name, for messages.

    Raises:
        ValueError: It is too large.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file} is larger than {MOST_BYTES:,} bytes")
    return path.read_bytes()


def seen(content: bytes, file: str) -> Translated:
    """Builds the Keras model of a file with the least stride that it needs, to know that and its receptive field.

    Args:
        content: Of the file.
        file: Its name, for messages.

    Raises:
        ValueError: It is no network that can be taken.
    """
    try:
        return least(graph.read(graph.parsed(content, file), file))
    except graph.Refused as error:
        raise ValueError(f"{file}: {error}") from error


def read(content: bytes, file: str, stride: int) -> Translated:
    """Builds the Keras model of a file, and compares it with the file.

    The file is computed by OpenVINO, which reads ONNX by itself, on random images of two shapes.

    Args:
        content: Of the file.
        file: Its name, for messages.
        stride: Pixels that height and width divide by, as declared.

    Raises:
        ValueError: It is no network that can be taken; or it is, and other numbers came out.
    """
    proto = graph.parsed(content, file)
    try:
        found = translated(graph.read(proto, file), stride)
    except graph.Refused as error:
        raise ValueError(f"{file}: {error}") from error
    _require_equal(graph.free(proto), found, file)
    return found


def _require_equal(proto: Any, found: Translated, file: str) -> None:
    import openvino

    core = openvino.Core()
    try:
        network = core.compile_model(
            core.read_model(proto.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
    except RuntimeError as error:
        raise ValueError(
            f"{file} cannot be computed by OpenVINO, which it is compared with: {' '.join(str(error).split())[:300]}"
        ) from error
    partial = network.inputs[0].partial_shape
    last = partial[1].is_dynamic
    patches = 1 if partial[0].is_dynamic else partial[0].get_length()
    random = np.random.default_rng(0)
    side = -(-_LEAST // found.stride) * found.stride
    for place, (height, width) in enumerate(((2 * side, 3 * side), (side + found.stride, side))):
        shape = (patches, height, width, int(found.model.inputs[0].shape[-1]))
        # Numbers about 0, as normalized images have, and reflectances from 0 to 1.
        image = random.normal(size=shape) if place == 0 else random.uniform(size=shape)
        image = image.astype(np.float32)
        given = image if last else np.ascontiguousarray(image.transpose(0, 3, 1, 2))
        try:
            wanted = np.asarray(network([given])[0])
        except RuntimeError as error:
            raise ValueError(
                f"{file} cannot be computed for images of {height} x {width} px "
                f"({' '.join(str(error).split())[:200]}); export it with dynamic height and width"
            ) from error
        _compare(np.asarray(found.model(image, training=False)), _last(wanted, image.shape), file)


def _last(wanted: Array, shape: Sequence[int]) -> Array:
    """The file's output as (patches, height, width, entries)."""
    if wanted.ndim == 3:
        return wanted[..., np.newaxis]
    return wanted if wanted.shape[1:3] == tuple(shape[1:3]) else wanted.transpose(0, 2, 3, 1)


def _compare(given: Array, wanted: Array, file: str) -> None:
    if given.shape != wanted.shape:
        raise ValueError(f"{file} gives an output of {wanted.shape}, and what was made of it one of {given.shape}")
    if not np.isfinite(wanted).all():
        raise ValueError(f"{file} gives numbers that are not finite for random images; export the network anew")
    difference = np.abs(given - wanted)
    largest = float(np.abs(wanted).max())
    if not float(difference.max()) <= TOLERANCE * max(largest, _TINY):
        _, row, column, entry = (int(each) for each in np.unravel_index(np.argmax(difference), given.shape))
        raise ValueError(
            f"{file}: what was made of it gives other numbers than the file itself: entry {entry + 1} of the pixel in "
            f"row {row}, column {column} of {given.shape[1]} x {given.shape[2]} differs by {difference.max():.2g}, "
            f"where the largest is {largest:.3g} (allowed: {TOLERANCE:.0e} of that); this is a fault of Earthline: "
            "report the file, and take the network from a .keras file instead"
        )
