"""Which tiles Earth Engine sends to an endpoint: with all that the model sees around them, in requests that fit.

Earth Engine cuts an image into tiles of `inputTileSize` on a fixed lattice and sends each with a margin, which it cuts
off the answer. Three things make a seam: a margin smaller than what an output rests on; tiles whose side is no multiple
of the network's stride, so that each is pooled in cells of its own; and a request that does not fit.

Google's texts count `inputOverlapSize` in two ways: as the total of an axis (guide `ee-vertex-image-predictions`), or
along each edge (API reference). Here, overlap is the total. A plan for `either` tells Earth Engine that number, so that
its margins are half of it or all of it: the first is wide enough, and the second fits.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

BASE64_GROWTH = 4 / 3
BYTES_PER_TENSOR = 128
"""Header of a tensor, its JSON key and quotes, in bytes, rounded up."""
RESPONSE_BYTES = 1024
"""What Vertex AI writes around the predictions of an answer (names of model and endpoint), in bytes, rounded up."""
LARGEST_TILE = 256
"""Pixels of the side of a tile that is chosen at most: beyond, a margin costs little and a map's edge costs more."""
MOST_SENT = 16
"""Pixels that are predicted for each pixel of the map at most, in a plan that is chosen."""

Shape = tuple[int, int]
Reading = Literal["total", "each_edge"]
Readings = Literal["either", "total", "each_edge"]
"""How overlap is counted, as far as one knows."""


@dataclass(frozen=True)
class Wire:
    """What a pixel weighs on its way to the endpoint and back.

    Attributes:
        inputs: Bytes of a pixel of each tensor of a request, before base64.
        outputs: Likewise of an answer.
        limit: Most bytes of a request, and of an answer.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    limit: int

    def request_bytes(self, shape: Shape) -> int:
        """Bytes of a request with one tile, rounded up.

        Args:
            shape: Of the tile in pixels `(height, width)`, margins included.
        """
        return _bytes(self.inputs, math.prod(shape))

    def answer_bytes(self, shape: Shape) -> int:
        """Bytes of the answer to it, rounded up.

        Args:
            shape: As there.
        """
        return _bytes(self.outputs, math.prod(shape)) + RESPONSE_BYTES

    def fits(self, shape: Shape) -> bool:
        """Whether both fit.

        Args:
            shape: As there.
        """
        return max(self.request_bytes(shape), self.answer_bytes(shape)) <= self.limit

    @property
    def largest_side(self) -> int:
        """Pixels of the side of the largest square tile that fits, margins included."""
        side = math.isqrt(int(self.limit / BASE64_GROWTH / max(sum(self.inputs), sum(self.outputs), 1)))
        while side and not self.fits((side, side)):
            side -= 1
        return side


@dataclass(frozen=True)
class Sight:
    """What a network needs to see.

    Attributes:
        stride: Pixels of a cell of its coarsest grid.
        reach: Pixels on each side of a tile that its outputs may rest on.
    """

    stride: int
    reach: int

    @property
    def margin(self) -> int:
        """The reach as whole cells, in pixels, so that a tile begins with a cell whichever way overlap is counted."""
        return -(-self.reach // self.stride) * self.stride


@dataclass(frozen=True)
class Plan:
    """Tiles of one model; shapes in pixels `(height, width)`.

    Attributes:
        tile: Ground that one answer is for.
        overlap: Context in total: half of it on each side, or more where `reading` is `either`.
        reading: How Earth Engine counts `inputOverlapSize`.
        batch: Tiles that fit into one request, at least one.
    """

    tile: Shape
    overlap: Shape
    reading: Readings
    batch: int = 1

    def margin(self, reading: Reading) -> Shape:
        """What lies on each side of a tile.

        Args:
            reading: How Earth Engine counts overlap, one of `readings`.
        """
        # Where the reading is known, half is what Earth Engine is told.
        doubled = self.reading == "either" and reading == "each_edge"
        rows, columns = self.overlap
        return (rows, columns) if doubled else (rows // 2, columns // 2)

    def sent(self, reading: Reading) -> Shape:
        """A tile with its margins.

        Args:
            reading: As there.
        """
        (height, width), (rows, columns) = self.tile, self.margin(reading)
        return height + 2 * rows, width + 2 * columns

    @property
    def told_overlap(self) -> Shape:
        """What Earth Engine is told as `inputOverlapSize`, (height, width)."""
        rows, columns = self.overlap
        return (rows // 2, columns // 2) if self.reading == "each_edge" else (rows, columns)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Those that may be true."""
        return ("total", "each_edge") if self.reading == "either" else (self.reading,)

    @property
    def largest(self) -> Shape:
        """The largest tile that may be sent, margins included."""
        return self.sent(self.readings[-1])

    def wasted(self, reading: Reading) -> float:
        """Share of predicted pixels that are cut off.

        Args:
            reading: How Earth Engine counts the overlap.
        """
        return 1 - math.prod(self.tile) / math.prod(self.sent(reading))

    @property
    def summary(self) -> str:
        """It in a few words, for people."""
        wasted = " or ".join(f"{100 * self.wasted(reading):.0f} %" for reading in self.readings)
        readings = ", as overlap is a total or lies at each edge" if len(self.readings) > 1 else ""
        (height, width), (rows, columns) = self.tile, self.overlap
        several = "one in" if self.batch == 1 else f"up to {self.batch} in"
        return (
            f"tiles of {height} x {width} px with overlap {rows} x {columns}, {several} a request; "
            f"{wasted} of the predicted pixels are margin{readings}"
        )


def best(
    sight: Sight,
    wire: Wire,
    reading: Readings = "either",
    *,
    tile: Shape | None = None,
    overlap: Shape | None = None,
) -> Plan | None:
    """The plan without seams that predicts the fewest pixels; None where there is none.

    Args:
        sight: Of the network.
        wire: What fits.
        reading: How Earth Engine counts overlap.
        tile: Taken as it is, where given.
        overlap: Likewise.
    """
    chosen = overlap is None
    margins = dict.fromkeys((sight.margin, sight.reach)) if chosen else (0,)
    for margin in margins:
        asked = (2 * margin, 2 * margin) if overlap is None else overlap
        found = _largest(sight.stride, asked, wire, reading, tile)
        if found is not None and (tile or not chosen or _is_sensible(found)):
            return found
    return None


def with_seams(sight: Sight, wire: Wire, reading: Readings = "either") -> Plan:
    """A plan for a network that sees further than a request holds: half of a tile's side is margin at most.

    Args:
        sight: Of the network.
        wire: What fits.
        reading: How Earth Engine counts overlap.
    """
    side = wire.largest_side
    cell = 2 * sight.stride
    margin = min(sight.margin, side // 8 // sight.stride * sight.stride) if side >= 4 * cell else 0
    found = _largest(sight.stride, (2 * margin, 2 * margin), wire, reading, None)
    if found is not None:
        return found
    # Not even one cell fits: its far edge is mirrored.
    return of((max(1, side), max(1, side)), (0, 0), wire, reading)


def of(tile: Shape, overlap: Shape, wire: Wire, reading: Readings) -> Plan:
    """A plan of given shapes, whatever becomes of them.

    Args:
        tile: In pixels `(height, width)`.
        overlap: Likewise.
        wire: Tells how many tiles fit into a request.
        reading: How Earth Engine counts overlap.
    """
    plan = Plan(tile, overlap, reading)
    largest = max(wire.request_bytes(plan.largest), wire.answer_bytes(plan.largest) - RESPONSE_BYTES)
    return Plan(tile, overlap, reading, max(1, (wire.limit - RESPONSE_BYTES) // largest))


def problems(plan: Plan, sight: Sight) -> Iterator[str]:
    """Why a plan has seams, by its shapes alone; each begins with the name of the shape.

    Args:
        plan: Which.
        sight: Of the network.
    """
    least = min(min(plan.margin(reading)) for reading in plan.readings)
    if least < sight.reach:
        yield (
            f"overlap: {list(plan.overlap)} puts {least} px on each side of a tile, and a pixel of the map rests on up "
            f"to {sight.reach} px around it, so that edges of tiles would show"
        )
    if any(side % sight.stride for side in plan.tile):
        yield (
            f"tile_shape: {list(plan.tile)} does not divide by the model's stride {sight.stride}, so that neighbouring "
            "tiles would be pooled in different cells, and their edges show"
        )


def _largest(stride: int, overlap: Shape, wire: Wire, reading: Readings, tile: Shape | None) -> Plan | None:
    """The largest square tile, or the one that is given, where it fits."""
    if tile is not None:
        plan = of(tile, overlap, wire, reading)
        return plan if wire.fits(plan.largest) else None
    side = max(stride, LARGEST_TILE // stride * stride)
    while side:
        plan = Plan((side, side), overlap, reading)
        if wire.fits(plan.largest):
            return of(plan.tile, overlap, wire, reading)
        side -= stride
    return None


def _is_sensible(plan: Plan) -> bool:
    sent = math.prod(plan.sent(plan.readings[0]))
    return sent <= MOST_SENT * math.prod(plan.tile)


def _bytes(pixel_bytes: tuple[int, ...], pixels: int) -> int:
    return int(pixels * sum(pixel_bytes) * BASE64_GROWTH) + BYTES_PER_TENSOR * len(pixel_bytes)
