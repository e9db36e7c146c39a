"""Array pixels of one band: a single array where all have the same shape, else an array of arrays.

Earth Engine's array pixels may differ in shape from one pixel to the next, for example when every pixel of a
collection has its own number of cloudless images. Where shapes agree, `Pixels.values` is `(height, width, *shape)`;
where they do not, it is `(height, width)` of dtype object with an array in each valid pixel.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.pixels.pixels import Array, Band, Pixels, PixelType, boxed, combined
from earthline_sandbox.errors import ApiError, invalid


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
    parts = [_part(pixels.values, valid, count) for pixels in inputs] if count else []
    pieces: list[Piece] = []
    kept = np.ones(count, bool)
    with np.errstate(all="ignore"):
        for places in _alike(parts, count) if count else ():
            for piece in _applied(name, operation, parts, places):
                if piece.valid is None or bool(piece.valid.all()):
                    pieces.append(piece)
                    continue
                kept[piece.places] = piece.valid
                if bool(piece.valid.any()):
                    pieces.append(Piece(piece.places[piece.valid], piece.values[piece.valid]))
    if not pieces:
        return Pixels(np.zeros(valid.shape + (1,) * kind.dimensions, kind.dtype), np.zeros_like(mask))
    if not kept.all():
        mask = mask.copy()
        mask[valid] = np.where(kept, mask[valid], 0)
    return Pixels(_assembled(pieces, valid, kind, precise and kind.precision == "float"), mask)


class _Part(NamedTuple):
    """The arrays of valid pixels, of one input.

    Attributes:
        label: Which block each of them lies in; None where there is only one.
        row: Where in its block; None where they follow each other.
        blocks: Arrays `(rows, *shape)`, one for each shape.
    """

    label: Array | None
    row: Array | None
    blocks: Sequence[Array]

    def batch(self, places: Array, whole: bool) -> Array:
        """The arrays of some pixels, which are alike."""
        if self.label is None or self.row is None:
            return self.blocks[0] if whole else self.blocks[0][places]
        return np.asarray(self.blocks[self.label[places[0]]][self.row[places]])


# The blocks of arrays of arrays that were made here, by id: to find pixels of the same shape once more takes longer
# than most of what is done with them. A pixel's array is a view of its block, so that this holds no memory of its own.
_blocks: dict[int, tuple[weakref.ref[Array], _Part]] = {}


def _remember(values: Array, part: _Part) -> None:
    key = id(values)
    _blocks[key] = (weakref.ref(values, lambda _: _blocks.pop(key, None)), part)


def _part(values: Array, valid: Array, count: int) -> _Part:
    """The arrays of valid pixels; a constant is not copied for each of them."""
    if values.dtype != object:
        if values.ndim > 2 and values.strides[:2] == (0, 0):
            return _Part(None, None, [np.broadcast_to(values[0, 0], (count, *values.shape[2:]))])
        return _Part(None, None, [values.reshape((count, *values.shape[2:])) if count == valid.size else values[valid]])
    known = _blocks.get(id(values))
    if known is not None and known[0]() is values and known[1].label is not None and known[1].row is not None:
        return _Part(known[1].label[valid], known[1].row[valid], known[1].blocks)
    cells = values[valid]
    found: dict[tuple[int, ...], list[int]] = {}
    for place, cell in enumerate(cells):
        found.setdefault(cell.shape, []).append(place)
    label, row = np.zeros(count, np.int32), np.zeros(count, np.int32)
    for number, places in enumerate(found.values()):
        label[places], row[places] = number, np.arange(len(places))
    return _Part(label, row, [np.stack(list(cells[places])) for places in found.values()])


def _alike(parts: Sequence[_Part], count: int) -> Iterator[Array]:
    """Positions of the pixels, those of the same shapes together."""
    labels = [part.label for part in parts if part.label is not None]
    if not labels:
        yield np.arange(count)
        return
    for places, _ in by_key(*labels):
        yield places


def _applied(name: str, operation: Operation, parts: Sequence[_Part], places: Array) -> list[Piece]:
    whole = all(part.label is not None or len(part.blocks[0]) == len(places) for part in parts)
    try:
        result = operation(*(part.batch(places, whole) for part in parts))
    except np.linalg.LinAlgError as error:
        raise invalid(f"{name}: {error}.") from error
    except ApiError as error:
        raise invalid(
            error.message if error.message.startswith("matrixSolve") else f"{name}: {error.message}"
        ) from error
    if isinstance(result, np.ndarray):
        return [Piece(places, result)]
    return [Piece(places[piece.places], piece.values, piece.valid) for piece in result]


def _assembled(pieces: Sequence[Piece], valid: Array, kind: PixelType, precise: bool) -> Array:
    """The pixels of all pieces: `(height, width, *shape)`, or `(height, width)` of objects where shapes differ."""
    dtype = np.dtype("float64") if precise else kind.dtype
    computation.expect(sum(piece.values.size for piece in pieces) * dtype.itemsize)
    shapes: dict[tuple[int, ...], list[tuple[Array, Array]]] = {}
    for piece in pieces:
        values = piece.values.astype(dtype, copy=False) if precise else kind.converted(piece.values)
        shapes.setdefault(values.shape[1:], []).append((piece.places, values))
    where = np.flatnonzero(valid)
    if len(shapes) == 1:
        ((shape, found),) = shapes.items()
        if len(found) == 1 and len(found[0][0]) == valid.size:
            return found[0][1].reshape(valid.shape + shape)
        flat = np.zeros((valid.size, *shape), dtype)
        for places, values in found:
            flat[where[places]] = values
        return flat.reshape(valid.shape + shape)
    cells = np.empty(valid.size, object)
    label, row = np.zeros(valid.size, np.int32), np.zeros(valid.size, np.int32)
    blocks = []
    for number, found in enumerate(shapes.values()):
        places, block = (
            found[0] if len(found) == 1 else tuple(np.concatenate(part) for part in zip(*found, strict=True))
        )
        # An array of arrays does not tell how much the arrays in it hold.
        computation.hold(block)
        blocks.append(block)
        at = where[places]
        label[at], row[at] = number, np.arange(len(at))
        cells[at] = boxed(block, 1)
    made = cells.reshape(valid.shape)
    _remember(made, _Part(label.reshape(valid.shape), row.reshape(valid.shape), blocks))
    return made


def shown(band: Band) -> Band:
    """The band as a map shows it: of array pixels the first element.

    https://developers.google.com/earth-engine/apidocs/ee-image-toarray says so; a pixel without elements is masked.
    """
    own = band.pixel_type
    if not own.dimensions:
        return band
    kind = PixelType(own.precision, own.minimum, own.maximum)

    def first(batch: Array) -> Array | Sequence[Piece]:
        if batch.size:
            return batch.reshape((len(batch), -1))[:, 0]
        return [Piece(np.arange(len(batch)), np.zeros(len(batch)), np.zeros(len(batch), bool))]

    return band.derived(lambda grid: per_pixel("Image", kind, first, [band.fetch(grid, ragged=True)]), kind)


def by_key(*keys: Array) -> Iterator[tuple[Array, list[int]]]:
    """Positions that share the same whole numbers, with those numbers.

    Args:
        keys: Shape `(count,)` or `(count, width)` each.
    """
    table = np.column_stack([key.astype("int64") for key in keys])
    if bool((table == table[:1]).all()):
        yield np.arange(len(table)), table[0].tolist()
        return
    if table.shape[1] == 1:
        rows, inverse = np.unique(table[:, 0], return_inverse=True)
        rows = rows[:, None]
    else:
        rows, inverse = np.unique(table, axis=0, return_inverse=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(inverse.reshape(-1), minlength=len(rows)))
    for row, positions in zip(rows.tolist(), np.split(order, ends[:-1]), strict=True):
        yield positions, row
