"""The tiles of a config: what its section `serving` asks for, with `auto` settled by what the model sees and sends."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from earthline import tile_plan
from earthline.config.sections.serving import AUTO, ENDPOINT_BYTES, Serving
from earthline.tile_plan import Plan, Sight, Wire

WHOLE_TYPES = ("uint8", "int16", "uint16")
"""Types of imagery that Earth Engine sends as they are."""
FLOAT = "float32"


class NoPlanError(ValueError):
    """No tiles that fit and leave no seams.

    Attributes:
        problems: Why, each beginning with a key of the config.
        fix: What to do.
    """

    def __init__(self, problems: Sequence[str], fix: str) -> None:
        """Args: as the attributes."""
        super().__init__("\n".join(f"{problem}; {fix}" for problem in problems))
        self.problems, self.fix = tuple(problems), fix


class InputTypes(NamedTuple):
    """Types in which a pixel is sent.

    Attributes:
        bands: Of each band.
        valid: Of the validity.
    """

    bands: str
    valid: str

    def pixel_bytes(self, bands: int) -> tuple[int, ...]:
        """Bytes of a pixel of each tensor of a request.

        Args:
            bands: Number of bands.
        """
        return (*[np.dtype(self.bands).itemsize] * bands, np.dtype(self.valid).itemsize)


def input_types(serving: Serving, data_type: str) -> InputTypes:
    """The types in which Earth Engine sends bands and validity.

    Args:
        serving: The config's section.
        data_type: Of the imagery, as the model learned from it; `auto` where it is not known yet.
    """
    if serving.input_types == AUTO and data_type in WHOLE_TYPES:
        return InputTypes(data_type, "uint8")
    return InputTypes(FLOAT, FLOAT)


def plan(serving: Serving, sight: Sight, wire: Wire, others: Sequence[tuple[str, Sight]] = ()) -> Plan:
    """The tiles.

    Args:
        serving: The config's section.
        sight: What the model needs to see.
        wire: What its pixels weigh.
        others: Changes of the model that may be advised, each with what it would see then.

    Raises:
        NoPlanError: What is asked for does not fit, or has seams that are not allowed.
    """
    tile = None if isinstance(serving.tile_shape, str) else serving.tile_shape
    overlap = None if isinstance(serving.overlap, str) else serving.overlap
    reading = serving.overlap_reading
    found = tile_plan.best(sight, wire, reading, tile=tile, overlap=overlap)
    if found is None:
        if serving.seams == "allowed" and tile is None and overlap is None:
            return tile_plan.with_seams(sight, wire, reading)
        raise NoPlanError([_too_large(sight, wire, serving)], _fix(serving, sight, wire, others, fits=False))
    wrong = [f"serving.{problem}" for problem in tile_plan.problems(found, sight)]
    if wrong and serving.seams == "refused":
        raise NoPlanError(wrong, _fix(serving, sight, wire, others))
    return found


def _fix(serving: Serving, sight: Sight, wire: Wire, others: Sequence[tuple[str, Sight]], *, fits: bool = True) -> str:
    """What to do; `fits` tells that only seams are in the way."""
    reading = serving.overlap_reading
    free = tile_plan.best(sight, wire, reading)
    if free is not None:
        change = f"leave out tile_shape and overlap, which makes them {list(free.tile)} and {list(free.overlap)}"
        return f"{change}, or write `seams: allowed`" if fits else change
    found = [change for change, other in others if tile_plan.best(other, wire, reading)][:1]
    bands = len(wire.inputs) - 1
    fewer = (count for count in range(bands - 1, 0, -1) if tile_plan.best(sight, _of_bands(wire, count), reading))
    found += [f"{count} bands instead of {bands}" for count in [next(fewer, 0)] if 2 * count >= bands]
    if sum(wire.outputs) > sum(wire.inputs) and tile_plan.best(sight, replace(wire, outputs=(1,)), reading):
        found.append("fewer serving.outputs: auto has what the map needs")
    if reading == "either" and tile_plan.best(sight, wire, "total"):
        found.append("serving.overlap_reading, once `earthline canary` told how Earth Engine counts overlap")
    larger = replace(wire, limit=ENDPOINT_BYTES["dedicated"])
    if larger.limit > wire.limit and tile_plan.best(sight, larger, reading):
        found.append("serving.endpoint_kind: dedicated, if `earthline canary` finds that Earth Engine reaches one")
    found.append("serving.seams: allowed, with edges of tiles that may show")
    return f"what helps is {', or '.join(found)}"


def _too_large(sight: Sight, wire: Wire, serving: Serving) -> str:
    side, reading = wire.largest_side, serving.overlap_reading
    spans = "tile and twice the overlap" if reading == "either" else "tile and overlap"
    why = " (Google's texts count overlap as a total or at each edge)" if reading == "either" else ""
    asked = _given(serving, sight)
    if serving.tile_shape == AUTO and serving.overlap == AUTO:
        return (
            f"serving.overlap: a pixel of the map rests on up to {sight.reach} px around it, which takes an overlap of "
            f"{asked.overlap[0]} px; {spans} may span {side} px a side at most{why} for request and answer to stay "
            f"below {wire.limit:,} bytes, which leaves no room for a tile that is worth its margin"
        )
    too_large = [
        f"{what} of {size:,} bytes"
        for what, size in (
            (f"a request ({len(wire.inputs) - 1} bands and the mask)", wire.request_bytes(asked.largest)),
            ("an answer", wire.answer_bytes(asked.largest)),
        )
        if size > wire.limit
    ]
    return (
        f"serving.tile_shape: a tile of {list(asked.tile)} with overlap {list(asked.overlap)} makes "
        f"{' and '.join(too_large)}, over serving.max_payload_bytes {wire.limit:,}; {spans} may span at most {side} px "
        f"a side{why}"
    )


def _of_bands(wire: Wire, bands: int) -> Wire:
    return replace(wire, inputs=(*wire.inputs[:bands], wire.inputs[-1]))


def _given(serving: Serving, sight: Sight) -> Plan:
    overlap = (2 * sight.margin, 2 * sight.margin) if isinstance(serving.overlap, str) else serving.overlap
    tile = (sight.stride, sight.stride) if isinstance(serving.tile_shape, str) else serving.tile_shape
    return Plan(tile, overlap, serving.overlap_reading)


def wire(serving: Serving, types: InputTypes, bands: int, outputs: Sequence[int]) -> Wire:
    """What a pixel weighs.

    Args:
        serving: The config's section.
        types: From `input_types`.
        bands: Number of bands.
        outputs: Bytes of a pixel of each tensor of an answer.
    """
    return Wire(types.pixel_bytes(bands), tuple(outputs), serving.payload_limit)
