"""Array pixels of one band: a single array where all have the same shape, else an array of arrays.

Earth Engine's array pixels may differ in shape from one pixel to the next, for example when every pixel of a
collection has its own number of cloudless images. Where shapes agree, `Pixels.values` is `(height, width, *shape)`;
where they do not, it is `(height, width)` of dtype object with an array in each valid pixel.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sandbox.earthengine import computation
from sandbox.earthengine.pixels import Array, Pixels, PixelType, boxed, combined
from sandbox.errors import ApiError, invalid


class Piece(NamedTuple):
    """What an operation gives for some of the pixels that it was given.

    Attributes:
        places: Their positions.
        values: Shape `(len(places), *shape)`.
        valid: Shape `(len(places),)`: False masks a pixel; None where all stay valid.
    """

    places: Array
    values: Array
    valid: Array | None = None


# An operation gets, per input, the arrays of pixels whose shapes agree, `(count, *shape)`, and gives as many arrays,
# or pieces where their shapes differ.
Operation = Callable[..., Array | Sequence[Piece]]


def levelled(stack: Sequence[Pixels]) -> list[Array]:
    """The values of several bands in one shape: one without a valid pixel does not know how long its arrays are.

    Raises:
        ApiError: INVALID_ARGUMENT where arrays of valid pixels differ in shape.
    """
    shapes = {pixels.values.shape[2:] for pixels in stack}
    if len(shapes) == 1:
        return [pixels.values for pixels in stack]
    known = {pixels.values.shape[2:] for pixels in stack if bool((pixels.mask > 0).any())}
    if len(known) > 1:
        raise invalid(
            f"Array pixels must have the same shape here, got {' and '.join(str(list(s)) for s in sorted(known))}."
        )
    shape = (known or shapes).pop()
    return [
        pixels.values
        if pixels.values.shape[2:] == shape
        else np.zeros(pixels.values.shape[:2] + shape, pixels.values.dtype)
        for pixels in stack
    ]


def per_pixel(
    name: str,
    kind: PixelType,
    operation: Operation,
    inputs: Sequence[Pixels],
    mask: Array | None = None,
    *,
    precise: bool = False,
) -> Pixels:
    """Applies an operation to the arrays of every valid pixel.

    Args:
        name: The server function, for messages.
        kind: Type of the result; its dimensions are those of the result's arrays.
        operation: What to do with pixels of the same shapes.
        inputs: Its arguments.
        mask: Where the result is valid; by default the least of the inputs' masks.
        precise: Whether 32-bit floats stay as precise as they were computed: products of matrices lose their inverse
            where they are rounded on the way.

    Raises:
        ApiError: INVALID_ARGUMENT, with the function's name, where the operation does not fit the arrays.
    """
    if mask is None:
        mask = combined(*(pixels.mask for pixels in inputs))
    valid = mask > 0
    count = int(np.count_nonzero(valid))
    if not count:
        return Pixels(np.zeros(valid.shape + (1,) * kind.dimensions, kind.dtype), mask)
    taken = [_taken(pixels.values, valid, count) for pixels in inputs]
    pieces: list[Piece] = []
    with np.errstate(all="ignore"):
        for index in _alike(taken, count):
            pieces += _applied(name, operation, taken, index)
    flat = _gathered(pieces, count, kind, precise and kind.precision == "float")
    kept = np.ones(count, bool)
    for piece in pieces:
        if piece.valid is not None:
            kept[piece.places] = piece.valid
    if not kept.all():
        mask = mask.copy()
        mask[valid] = np.where(kept, mask[valid], 0)
    if count == valid.size:
        return Pixels(flat.reshape(valid.shape + flat.shape[1:]), mask)
    values = np.zeros(valid.shape + flat.shape[1:], flat.dtype)
    values[valid] = flat
    return Pixels(values, mask)


def _taken(values: Array, valid: Array, count: int) -> Array:
    """The arrays of valid pixels, `(count, *shape)`; a constant is not copied for each of them."""
    if values.dtype != object and values.ndim > 2 and values.strides[:2] == (0, 0):
        return np.broadcast_to(values[0, 0], (count, *values.shape[2:]))
    return values.reshape((count, *values.shape[2:])) if count == valid.size else values[valid]


def _alike(taken: Sequence[Array], count: int) -> Iterator[Array]:
    """Positions of the pixels, those of the same shapes together."""
    ragged = [part for part in taken if part.dtype == object]
    if not ragged:
        yield np.arange(count)
        return
    found: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for position, shapes in enumerate(zip(*([cell.shape for cell in part] for part in ragged), strict=True)):
        found.setdefault(shapes, []).append(position)
    for positions in found.values():
        yield np.array(positions)


def _applied(name: str, operation: Operation, taken: Sequence[Array], index: Array) -> list[Piece]:
    whole = len(index) == len(taken[0])
    batches = [
        np.stack(list(part[index])) if part.dtype == object else part if whole else part[index] for part in taken
    ]
    try:
        result = operation(*batches)
    except np.linalg.LinAlgError as error:
        raise invalid(f"{name}: {error}.") from error
    except ApiError as error:
        raise invalid(
            error.message if error.message.startswith("matrixSolve") else f"{name}: {error.message}"
        ) from error
    if isinstance(result, np.ndarray):
        result = [Piece(np.arange(len(index)), result)]
    return [Piece(index[piece.places], piece.values, piece.valid) for piece in result]


def _gathered(pieces: Sequence[Piece], count: int, kind: PixelType, precise: bool) -> Array:
    """One array of all pieces' values: `(count, *shape)`, or `(count,)` of objects where shapes differ."""
    dtype = np.dtype("float64") if precise else kind.dtype
    computation.expect(sum(piece.values.size for piece in pieces) * dtype.itemsize)
    converted = [
        piece.values.astype(dtype, copy=False) if precise else kind.converted(piece.values) for piece in pieces
    ]
    shapes = {piece.values.shape[1:] for piece in pieces}
    if len(shapes) > 1:
        flat = np.empty(count, object)
        for piece, values in zip(pieces, converted, strict=True):
            # An array of arrays does not tell how much the arrays in it hold.
            computation.hold(values)
            flat[piece.places] = boxed(values, 1)
        return flat
    if len(pieces) == 1:
        return converted[0]
    flat = np.zeros((count, *shapes.pop()), dtype)
    for piece, values in zip(pieces, converted, strict=True):
        flat[piece.places] = values
    return flat


def by_key(*keys: Array) -> Iterator[tuple[Array, list[int]]]:
    """Positions that share the same whole numbers, with those numbers.

    Args:
        keys: Shape `(count,)` or `(count, width)` each.
    """
    table = np.column_stack([key.astype("int64") for key in keys])
    if bool((table == table[:1]).all()):
        yield np.arange(len(table)), table[0].tolist()
        return
    rows, inverse = np.unique(table, axis=0, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(inverse.reshape(-1), minlength=len(rows)))
    for row, positions in zip(rows.tolist(), np.split(order, ends[:-1]), strict=True):
        yield positions, row
