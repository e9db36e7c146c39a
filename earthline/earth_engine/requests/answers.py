"""Pixels out of the bytes of an answer, read within bounds: nothing in it is executed, or believed unseen."""

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy

from earthline.formats.descriptions import READING

_HEADER_BYTES = 2**18
"""Bytes of the longest description: 1,024 bands with long names. NumPy's own bound refuses a few hundred bands."""


class MalformedError(ValueError):
    """An answer is not what was asked for: cut off, of another shape, or no pixels at all."""


def pixels(content: Any, shape: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Decodes an answer in NumPy's NPY format.

    Args:
        content: Bytes of the answer.
        shape: Shape that was asked for, in pixels `(height, width)`.

    Returns:
        A structured array of this shape, one field per band.

    Raises:
        MalformedError: It is something else.
    """
    if not isinstance(content, bytes):
        raise MalformedError(f"the answer is no bytes, but {type(content).__name__}")
    stream = io.BytesIO(content)
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        with READING:
            found, by_columns, kind = read(stream, max_header_size=_HEADER_BYTES)
    except (ValueError, SyntaxError, TypeError, RecursionError) as error:
        raise MalformedError(f"the answer of {len(content):,} bytes is no NPY file: {error}") from error
    if kind.hasobject or kind.names is None or by_columns:
        raise MalformedError(f"the answer holds no bands of numbers, but {kind}")
    if found != shape:
        raise MalformedError(f"the answer has the shape {found}, and {shape} was asked for")
    wanted = math.prod(shape) * kind.itemsize
    if (held := len(content) - stream.tell()) != wanted:
        raise MalformedError(f"the answer holds {held:,} of {wanted:,} bytes of pixels")
    # Copied, since an array over bytes cannot be written to.
    return np.frombuffer(content, kind, offset=stream.tell()).reshape(shape).copy()
