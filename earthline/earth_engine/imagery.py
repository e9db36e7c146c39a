"""The one imagery definition: training patches and predictions both come from the image that is built here.

Band order, masking, compositing and casting exist nowhere else. Nothing here asks for credentials; callers run
`connection.connect` first.
"""

import math
from typing import Any

import ee

from earthline.config import BoundingBox, Data, Imagery
from earthline.earth_engine.retry import ask
from earthline.formats.contract import VALID_BAND
from earthline.grid import Grid, GridError
from earthline.task import task_of

LABEL_BAND = "earthline_label"
"""Band of class ids; the config refuses imagery bands that begin with `earthline_`."""
ATTEMPTS = 6
"""Tries of each question about imagery and labels."""

_CASTS = {"uint8": "toUint8", "uint16": "toUint16", "int16": "toInt16", "float32": "toFloat"}
_LARGEST = 1.7976931348623157e308
"""Largest float64: https://en.wikipedia.org/wiki/Double-precision_floating-point_format."""
_CLOUDY_SCENE_CLASSES = (3, 8, 9, 10, 11)
"""Shadow, medium and high cloud probability, cirrus, snow: the SCL band of COPERNICUS/S2_SR_HARMONIZED."""
_CLOUD_SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
_CLEAR_SCORE = 0.60
"""Threshold that the Cloud Score+ catalogue page uses in its example."""
_LANDSAT_CLOUD_BITS = 0b11110
"""Dilated cloud, cirrus, cloud, cloud shadow: bits 1 to 4 of Landsat Collection 2's QA_PIXEL."""


class ImageryError(ValueError):
    """The config asks Earth Engine for something that is not there; the text names the key and the fix."""


def image(data: Data) -> Any:
    """The `ee.Image` that the model sees: bands in the config's order, masked, composited, of its data type."""
    return _cast(measured(data), data.imagery)


def valid(data: Data) -> Any:
    """One uint8 band `earthline_valid`, masked nowhere: 1 where `image` is valid, 0 where it is masked."""
    return _valid(image(data))


def network_input(data: Data) -> Any:
    """What a served model takes, masked nowhere: the bands of `image`, 0 where masked, and `valid`; all float."""
    return _with_validity(image(data))


def network_input_of(whole: Any, imagery: Imagery) -> Any:
    """As `network_input`, of somebody's own image.

    Args:
        whole: An `ee.Image` that has the section's bands, in the units of its own imagery.
        imagery: The section.
    """
    return _with_validity(_cast(_masked(whole.select(list(imagery.bands))), imagery))


def measured(data: Data) -> Any:
    """The `ee.Image` before it gets its data type.

    Bands share one mask: the model has no notion of a pixel that is half there. What is no finite number is masked.
    """
    imagery = data.imagery
    if imagery.image is not None:
        whole = ee.Image(imagery.image).select(list(imagery.bands))
    else:
        composite = getattr(collection(data), imagery.composite)()
        # A composite's own projection is EPSG:4326 at one degree; give it the grid that patches are cut from.
        scale = data.scale or 1.0
        whole = composite.select(list(imagery.bands)).setDefaultProjection(data.crs, [scale, 0, 0, 0, -scale, 0])
    return _masked(whole)


def collection(data: Data) -> Any:
    """The filtered, cloud-masked `ee.ImageCollection` behind a composite."""
    imagery, images = data.imagery, scenes(data)
    if imagery.cloud_mask == "sentinel2_scl":
        images = images.map(_mask_scene_classification)
    elif imagery.cloud_mask == "sentinel2_cloud_score":
        images = images.linkCollection(ee.ImageCollection(_CLOUD_SCORE), ["cs_cdf"]).map(_mask_cloud_score)
    elif imagery.cloud_mask == "landsat_qa":
        images = images.map(_mask_landsat)
    return images.select(list(imagery.bands))


def scenes(data: Data) -> Any:
    """The same `ee.ImageCollection` before anything is done to its images: they keep their versions."""
    imagery = data.imagery
    images = ee.ImageCollection(imagery.collection).filterDate(imagery.start, imagery.end).filterBounds(region(data))
    if imagery.max_cloud_percent is not None:
        # The client makes `not greater than` of lte, which images without the property pass as well.
        known = ee.Filter.notNull([imagery.cloud_share_property])
        images = images.filter(known).filter(ee.Filter.lte(imagery.cloud_share_property, imagery.max_cloud_percent))
    return images


def labels(data: Data) -> Any:
    """One uint8 band `earthline_label` of class ids; masked where the raster has no value or one that is ignored.

    Where the raster is finer than the grid that is asked for, a pixel gets the class that covers most of it. Without
    that, Earth Engine would read a pyramid level whose values are means of class ids where the asset was uploaded
    with the default policy (developers.google.com/earth-engine/guides/scale and guides/resample).
    """
    return task_of(data).encoded(label_values(data), LABEL_BAND)


def label_values(data: Data) -> Any:
    """The label raster as it is, before its values become class ids."""
    described = data.labels
    if described.image:
        return ee.Image(described.image).select([described.band])
    tiles = ee.ImageCollection(described.collection).select([described.band])
    # A mosaic's own projection is EPSG:4326 at one degree, in which no pixel would be finer than the grid.
    return tiles.mosaic().setDefaultProjection(tiles.first().projection())


def region(data: Data) -> Any:
    """The `ee.Geometry` to work in."""
    if data.region is not None:
        return rectangle(data.region)
    return ee.Image(data.imagery.image).geometry()


def rectangle(box: BoundingBox) -> Any:
    """A planar `ee.Geometry` of a rectangle in degrees."""
    return ee.Geometry.Rectangle([box.west, box.south, box.east, box.north], "EPSG:4326", False)


def grid(data: Data, box: BoundingBox | None = None, key: str = "data.region") -> Grid:
    """The pixel grid of the region: the image's own, or the config's `crs` and `scale`; asks Earth Engine.

    Args:
        data: The section.
        box: Region instead of the section's own, in degrees.
        key: The config's key that holds `box`, for errors.

    Raises:
        ImageryError: The region lies outside the imagery, or the imagery's grid is of no use.
        PixelsError: Earth Engine does not answer.
    """
    box = box or data.region
    try:
        if data.crs is not None and data.scale is not None and box is not None:
            return _aligned(data.crs, data.scale, box)
        whole = _own_grid(data)
        return whole if box is None else whole.crop((box.west, box.south, box.east, box.north))
    except GridError as error:
        raise ImageryError(f"{key}: {error}") from error


def map_grid(data: Data, box: BoundingBox | None) -> Grid:
    """The pixel grid of the map; asks Earth Engine.

    Args:
        data: The section.
        box: `predict.region`; None for the section's own region.

    Raises:
        ImageryError: The region lies outside the imagery, or the imagery's grid is of no use.
        PixelsError: Earth Engine does not answer.
    """
    return grid(data, box, "data.region" if box is None else "predict.region")


def _own_grid(data: Data) -> Grid:
    """The grid of the image's first band."""
    band = ask(
        ee.Image(data.imagery.image).select([data.imagery.bands[0]]).getInfo,
        ATTEMPTS,
        f"grid of {data.imagery.image}",
    )["bands"][0]
    a, b, c, d, e, f = (float(number) for number in band["crs_transform"])
    column, row = (int(number) for number in band.get("origin", (0, 0)))
    if "dimensions" not in band:
        raise ImageryError(
            f"data.imagery.image: {data.imagery.image} has no edge, so it has no grid to work on; give `data.region`, "
            "`data.crs` and `data.scale`"
        )
    width, height = band["dimensions"]
    return Grid(band["crs"], (a, b, c, d, e, f), (height, width)).window(row, column, (height, width))


def _aligned(crs: str, scale: float, box: BoundingBox) -> Grid:
    """The grid of whole multiples of `scale` that covers a rectangle in degrees."""
    left, bottom, right, top = Grid(crs, (scale, 0.0, 0.0, 0.0, -scale, 0.0), (1, 1)).project(
        (box.west, box.south, box.east, box.north)
    )
    column, row = math.floor(left / scale), math.floor(-top / scale)
    shape = (math.ceil(-bottom / scale) - row, math.ceil(right / scale) - column)
    return Grid(crs, (scale, 0.0, column * scale, 0.0, -scale, -row * scale), shape)


def _mask_scene_classification(scene: Any) -> Any:
    classes = scene.select("SCL")
    clear = classes.neq(_CLOUDY_SCENE_CLASSES[0])
    for value in _CLOUDY_SCENE_CLASSES[1:]:
        clear = clear.And(classes.neq(value))
    return scene.updateMask(clear)


def _mask_cloud_score(scene: Any) -> Any:
    return scene.updateMask(scene.select("cs_cdf").gte(_CLEAR_SCORE))


def _mask_landsat(scene: Any) -> Any:
    return scene.updateMask(scene.select("QA_PIXEL").bitwiseAnd(_LANDSAT_CLOUD_BITS).eq(0))


def _masked(whole: Any) -> Any:
    # NaN compares false with everything, and infinity is above the largest float64.
    finite = whole.abs().lte(_LARGEST).reduce(ee.Reducer.min())
    return whole.updateMask(whole.mask().reduce(ee.Reducer.min())).updateMask(finite)


def _cast(whole: Any, imagery: Imagery) -> Any:
    return getattr(whole, _CASTS[imagery.data_type])()


def _valid(seen: Any) -> Any:
    return seen.select([0]).mask().gt(0).unmask(0, False).rename([VALID_BAND]).toUint8()


def _with_validity(seen: Any) -> Any:
    return seen.toFloat().unmask(0, False).addBands(_valid(seen).toFloat())
