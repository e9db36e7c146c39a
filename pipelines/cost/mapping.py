"""What the map costs."""

import math

import numpy as np

from components.predict_map.tiles import request_shape
from earthline.config import Config
from earthline.earth_engine import imagery
from earthline.earth_engine.tiles import covering
from earthline.task import task_of
from pipelines.cost import machines
from pipelines.cost.export import Measured
from pipelines.cost.figures import Figure
from pipelines.cost.history import Earlier
from pipelines.cost.part import Part
from pipelines.cost.prices import Prices

STEP = "predict_map"
_FURTHER_BYTES = 4
"""Of a pixel of each further band, which holds a float."""


def of_map(config: Config, prices: Prices, measured: Measured | None, earlier: Earlier | None) -> Part:
    """The map's requests, and the tiles that Earth Engine sends to the endpoint for them.

    Args:
        config: The workflow's config.
        prices: The table.
        measured: What probe requests of the export told; None where nothing is exported.
        earlier: A run of the same config.

    Raises:
        ImageryError: The region lies outside the imagery.
        PixelsError: Earth Engine does not answer.
    """
    data, region, tiles = config.data, config.predict.region, config.tile_plan
    tile = tiles.tile
    grid = imagery.map_grid(data, region)
    shape = request_shape(config.predict.tile_shape, tile)
    wanted, _ = covering(grid, shape, imagery.in_pixels(data, grid, region))
    pixels = sum(math.prod(inner) for *_, inner in wanted)
    calls = sum(math.prod(-(-length // side) for length, side in zip(inner, tile, strict=True)) for *_, inner in wanted)
    # The least that may be true: overlap as a total, where nobody knows.
    sent = calls * math.prod(tiles.sent(tiles.readings[0]))
    if measured is None:
        spent = Figure.unknown("Earth Engine's computing for the map was not measured, as no example is fetched")
    else:
        spent = measured.eecu_hours(config, sent)
    hours = _hours(earlier)
    step = machines.hourly(prices, "training_machine", machines.of_step(config.steps.of(STEP)))
    each = np.dtype(task_of(data).data_type).itemsize + _FURTHER_BYTES * len(config.predict.bands)
    return Part(
        "map",
        Figure.exact(len(wanted), "a window that is too heavy for Earth Engine is halved, which makes it two requests"),
        Figure.assumed(pixels * each, f"{each} bytes a pixel, as the map's bands have them"),
        hours,
        spent,
        machines.product(hours, step),
        (
            f"Earth Engine calls the endpoint {calls:,} times for it, with at most {config.payload_bytes:,} bytes "
            "each; its EECU-hours are those of the imagery that is sent, overlap included",
        ),
    )


def _hours(earlier: Earlier | None) -> Figure:
    if earlier is None or STEP not in earlier.seconds:
        return Figure.unknown(
            "how long the map takes is not known before an endpoint has answered for this config once"
        )
    return earlier.hours(STEP)
