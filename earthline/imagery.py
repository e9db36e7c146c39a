"""The one imagery definition: training patches and predictions both come from the image that is built here.

Band order, masking, compositing and casting exist nowhere else. Nothing here asks for credentials; callers run
`initialize` first.
"""

import math
from typing import Any

import ee
from pyproj import CRS, Transformer

from earthline.config import BoundingBox, Data, Imagery
from earthline.grid import Grid

LABEL_BAND = "label"
HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"
"""Google's endpoint for many automated requests: developers.google.com/earth-engine/cloud/highvolume."""

_CASTS = {"uint8": "toUint8", "uint16": "toUint16", "int16": "toInt16", "float32": "toFloat"}
_CLOUDY_SCENE_CLASSES = (3, 8, 9, 10, 11)
"""Shadow, medium and high cloud probability, cirrus, snow: the SCL band of COPERNICUS/S2_SR_HARMONIZED."""
_CLOUD_SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
_CLEAR_SCORE = 0.60
"""Threshold that the Cloud Score+ catalogue page uses in its example."""
_LANDSAT_CLOUD_BITS = 0b11110
"""Dilated cloud, cirrus, cloud, cloud shadow: bits 1 to 4 of Landsat Collection 2's QA_PIXEL."""


class ImageryError(ValueError):
    """The config asks Earth Engine for something that is not there; the text names the key and the fix."""


def initialize(project: str, *, high_volume: bool = False) -> None:
    """Connects to Earth Engine with the ambient credentials.

    Args:
        project: Google Cloud project that the requests count against.
        high_volume: Use the endpoint for many automated requests (export, prediction).
    """
    ee.Initialize(project=project, opt_url=HIGH_VOLUME if high_volume else None)


def image(data: Data) -> Any:
    """The `ee.Image` that the model sees: bands in the config's order, masked, composited, of its data type."""
    imagery = data.imagery
    if imagery.image is not None:
        whole = ee.Image(imagery.image).select(list(imagery.bands))
    else:
        composite = getattr(collection(data), imagery.composite)()
        whole = composite.select(list(imagery.bands))
        # A composite's own projection is EPSG:4326 at one degree; give it the grid that patches are cut from.
        whole = whole.setDefaultProjection(data.crs, _transform(data, (0.0, 0.0)))
    # Bands share one mask: the model has no notion of a pixel that is half there.
    return getattr(whole.updateMask(whole.mask().reduce(ee.Reducer.min())), _CASTS[imagery.data_type])()


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
        images = images.filter(ee.Filter.lte(_cloud_property(imagery), imagery.max_cloud_percent))
    return images


def labels(data: Data) -> Any:
    """One uint8 band `label` of class ids; masked where the raster has no value or one that is ignored."""
    values = [value for described in data.labels.classes for value in described.values]
    ids = [index for index, described in enumerate(data.labels.classes) for _ in described.values]
    return label_values(data).remap(values, ids).rename(LABEL_BAND).toUint8()


def label_values(data: Data) -> Any:
    """The label raster as it is, before its values become class ids."""
    described = data.labels
    source = ee.Image(described.image) if described.image else ee.ImageCollection(described.collection).mosaic()
    return source.select([described.band])


def region(data: Data) -> Any:
    """The `ee.Geometry` to work in."""
    if data.region is not None:
        return rectangle(data.region)
    return ee.Image(data.imagery.image).geometry()


def rectangle(box: BoundingBox) -> Any:
    """A planar `ee.Geometry` of a rectangle in degrees."""
    return ee.Geometry.Rectangle([box.west, box.south, box.east, box.north], "EPSG:4326", False)


def grid(data: Data, box: BoundingBox | None = None) -> Grid:
    """The pixel grid of the region: the image's own, or the config's `crs` and `scale`; asks Earth Engine.

    Args:
        data: The section.
        box: Region instead of the section's own, in degrees.

    Raises:
        ImageryError: The region lies outside the imagery.
    """
    box = box or data.region
    if data.crs is not None and data.scale is not None and box is not None:
        left, bottom, right, top = _project(box, data.crs)
        scale = data.scale
        column, row = math.floor(left / scale), math.floor(-top / scale)
        shape = (math.ceil(-bottom / scale) - row, math.ceil(right / scale) - column)
        return Grid(data.crs, _transform(data, (column * scale, -row * scale)), shape)
    band = ee.Image(data.imagery.image).select([data.imagery.bands[0]]).getInfo()["bands"][0]
    a, b, c, d, e, f = (float(number) for number in band["crs_transform"])
    column, row = (int(number) for number in band.get("origin", (0, 0)))
    width, height = band["dimensions"]
    whole = Grid(band["crs"], (a, b, c, d, e, f), (height, width)).window(row, column, (height, width))
    return whole if box is None else _crop(whole, box)


def verify(data: Data) -> None:
    """Asks Earth Engine whether what the config names exists.

    Raises:
        ImageryError: A missing asset or band, an empty collection, or a region outside the imagery.
    """
    imagery = data.imagery
    if imagery.collection is not None:
        try:
            size = collection(data).size().getInfo()
        except ee.EEException as error:
            raise ImageryError(f"data.imagery.collection: {error}") from error
        if size == 0:
            raise ImageryError(
                f"data.imagery: {imagery.collection} has no image over the region from {imagery.start} to "
                f"{imagery.end}; widen the dates, move the region or raise max_cloud_percent"
            )
        first = ee.ImageCollection(imagery.collection).filterDate(imagery.start, imagery.end).first()
    else:
        first = ee.Image(imagery.image)
    _verify_bands("data.imagery.bands", imagery.asset, first, imagery.bands)
    described = data.labels
    source = ee.Image(described.image) if described.image else ee.ImageCollection(described.collection).first()
    _verify_bands("data.labels.band", described.asset, source, (described.band,))
    grid(data)


def _verify_bands(key: str, asset: str, source: Any, bands: tuple[str, ...]) -> None:
    try:
        there = source.bandNames().getInfo()
    except ee.EEException as error:
        raise ImageryError(f"{key.rpartition('.')[0]}: {error}") from error
    missing = [band for band in bands if band not in there]
    if missing:
        raise ImageryError(f"{key}: {', '.join(missing)} not in {asset}, which has {', '.join(there)}")


def _cloud_property(imagery: Imagery) -> str:
    return "CLOUDY_PIXEL_PERCENTAGE" if imagery.asset.startswith("COPERNICUS/S2") else "CLOUD_COVER"


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


def _transform(data: Data, corner: tuple[float, float]) -> tuple[float, float, float, float, float, float]:
    scale = data.scale or 1.0
    return (scale, 0.0, corner[0], 0.0, -scale, corner[1])


def _project(box: BoundingBox, crs: str) -> tuple[float, float, float, float]:
    transformer = Transformer.from_crs("EPSG:4326", CRS.from_user_input(crs), always_xy=True)
    left, bottom, right, top = transformer.transform_bounds(box.west, box.south, box.east, box.north, densify_pts=21)
    if not all(map(math.isfinite, (left, bottom, right, top))):
        raise ImageryError(f"data.region: cannot be expressed in {crs}; choose a `data.crs` that covers the region")
    return left, bottom, right, top


def _crop(whole: Grid, box: BoundingBox) -> Grid:
    left, bottom, right, top = _project(box, whole.crs)
    corners = [~whole.affine @ corner for corner in ((left, top), (right, top), (left, bottom), (right, bottom))]
    columns, rows = zip(*corners, strict=True)
    first = max(0, math.floor(min(rows))), max(0, math.floor(min(columns)))
    last = min(whole.shape[0], math.ceil(max(rows))), min(whole.shape[1], math.ceil(max(columns)))
    if last[0] <= first[0] or last[1] <= first[1]:
        raise ImageryError(
            f"data.region: ({box.west}, {box.south}, {box.east}, {box.north}) lies outside the imagery; move it, or "
            "leave it out to use the image's footprint"
        )
    return whole.window(*first, (last[0] - first[0], last[1] - first[1]))
