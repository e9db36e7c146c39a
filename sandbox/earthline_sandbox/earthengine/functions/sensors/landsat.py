"""Landsat scenes: calibration to reflectance and temperature, a cloud score, and composites of the clearest pixels.

Calibration follows Chander, Markham and Helder (2009), https://doi.org/10.1016/j.rse.2009.01.007, with the coefficients
that each scene carries as properties, under the names of its metadata file. The cloud score is the one that
https://developers.google.com/earth-engine/guides/landsat describes: the least of several rescaled indicators.
"""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from earthline_sandbox.earthengine.functions.image.composite import composite_footprint
from earthline_sandbox.earthengine.functions.image.math.bandwise import mapped
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Grid, Projection
from earthline_sandbox.earthengine.pixels.pixels import BYTE, FLOAT, Array, Band, Pixels, combined
from earthline_sandbox.earthengine.pixels.shared import Shared, output_source
from earthline_sandbox.earthengine.reducers import reducers
from earthline_sandbox.earthengine.values.values import Collection, Image
from earthline_sandbox.errors import invalid

_SCORE_BAND = "cloud"
#: Kelvin that an 8-bit thermal band starts from.
_THERMAL_OFFSET = 100.0


@dataclass(frozen=True)
class _Sensor:
    """Band ids of one sensor."""

    blue: str
    green: str
    red: str
    nir: str
    swir1: str
    swir2: str
    thermal: tuple[str, ...]
    reflective: tuple[str, ...]


_TM = _Sensor("B1", "B2", "B3", "B4", "B5", "B7", ("B6",), ("B1", "B2", "B3", "B4", "B5", "B7"))
_ETM = _Sensor(
    "B1",
    "B2",
    "B3",
    "B4",
    "B5",
    "B7",
    ("B6_VCID_1", "B6_VCID_2"),
    ("B1", "B2", "B3", "B4", "B5", "B7", "B8"),
)
_OLI = _Sensor(
    "B2",
    "B3",
    "B4",
    "B5",
    "B6",
    "B7",
    ("B10", "B11"),
    ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9"),
)
_SENSORS = {"LANDSAT_4": _TM, "LANDSAT_5": _TM, "LANDSAT_7": _ETM, "LANDSAT_8": _OLI, "LANDSAT_9": _OLI}


def _sensor(name: str, image: Image) -> _Sensor:
    spacecraft = image.get("SPACECRAFT_ID")
    sensor = _SENSORS.get(str(spacecraft).upper())
    if sensor is None:
        raise invalid(
            f"{name}: The image's property SPACECRAFT_ID is {spacecraft!r}; it must be one of {', '.join(_SENSORS)}."
        )
    return sensor


def _coefficient(name: str, image: Image, key: str) -> float:
    value = image.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise invalid(f"{name}: The image has no number as its property '{key}', which the calibration needs.")
    return float(value)


@function("Landsat.TOA")
def toa(input: Image) -> Image:
    """Top-of-atmosphere reflectance, and brightness temperature in kelvin, of a scene of digital numbers."""
    name = "Landsat.TOA"
    sensor = _sensor(name, input)
    elevation = math.sin(math.radians(_coefficient(name, input, "SUN_ELEVATION")))
    if elevation <= 0:
        raise invalid(f"{name}: SUN_ELEVATION must be above the horizon.")
    bands = []
    for band in input.bands:
        number = band.name.removeprefix("B")
        if band.name in sensor.reflective:
            gain = _coefficient(name, input, f"REFLECTANCE_MULT_BAND_{number}") / elevation
            offset = _coefficient(name, input, f"REFLECTANCE_ADD_BAND_{number}") / elevation
            bands.append(mapped(band, FLOAT, partial(_linear, gain=gain, offset=offset)))
        elif band.name in sensor.thermal:
            gain, offset, first, second = (
                _coefficient(name, input, f"{key}_BAND_{number}")
                for key in ("RADIANCE_MULT", "RADIANCE_ADD", "K1_CONSTANT", "K2_CONSTANT")
            )
            kelvin = partial(_temperature, gain=gain, offset=offset, first=first, second=second)
            bands.append(mapped(band, FLOAT, kelvin))
        else:
            bands.append(band)
    return input.with_bands(bands)


def _linear(values: Array, *, gain: float, offset: float) -> Array:
    result: Array = values * gain + offset
    return result


def _temperature(values: Array, *, gain: float, offset: float, first: float, second: float) -> Array:
    result: Array = second / np.log(first / (values * gain + offset) + 1.0)
    return result


@function("Landsat.simpleCloudScore")
def simple_cloud_score(image: Image) -> Image:
    """A scene of top-of-atmosphere values with a band `cloud`: 0 (clear) to 100."""
    sensor = _sensor("Landsat.simpleCloudScore", image)
    names = [sensor.blue, sensor.green, sensor.red, sensor.nir, sensor.swir1, sensor.swir2, sensor.thermal[0]]
    inputs = [image.band(name) for name in names]

    def source(grid: Grid) -> Pixels:
        fetched = [band.fetch(grid) for band in inputs]
        with np.errstate(all="ignore"):
            score = _score(*(pixels.values.astype("float64") for pixels in fetched))
        return Pixels(BYTE.converted(np.rint(score * 100)), combined(*(pixels.mask for pixels in fetched)))

    first = inputs[0]
    score = Band(_SCORE_BAND, BYTE, first.projection, source, first.size, first.origin)
    return image.with_bands([*(band for band in image.bands if band.name != _SCORE_BAND), score])


def _score(blue: Array, green: Array, red: Array, nir: Array, swir1: Array, swir2: Array, temperature: Array) -> Array:
    snow = (green - swir1) / (green + swir1)
    indicators = (
        _rescaled(blue, 0.1, 0.3),
        _rescaled(red + green + blue, 0.2, 0.8),
        _rescaled(nir + swir1 + swir2, 0.3, 0.8),
        _rescaled(temperature, 300, 290),
        _rescaled(snow, 0.8, 0.6),
    )
    score: Array = np.clip(np.nan_to_num(np.minimum.reduce(indicators)), 0.0, 1.0)
    return score


def _rescaled(values: Array, low: float, high: float) -> Array:
    result: Array = (values - low) / (high - low)
    return result


@function("Landsat.simpleComposite")
def simple_composite(
    collection: Collection, percentile: int, cloud_score_range: int, max_depth: int, as_float: bool
) -> Image:
    """A percentile per band of each pixel's least cloudy observations, from scenes of digital numbers."""
    name = "Landsat.simpleComposite"
    images = list(collection.images(name))
    if not images:
        raise invalid(f"{name}: The collection is empty.")
    if max_depth < 1 or cloud_score_range < 0:
        raise invalid(f"{name}: 'maxDepth' must be at least 1 and 'cloudScoreRange' at least 0.")
    if len(images) > max_depth:
        images = sorted(images, key=_cloudiness)[:max_depth]
    scored = [simple_cloud_score(toa(image)) for image in images]
    first = scored[0]
    kept = [band.name for band in first.bands if band.name not in (_SCORE_BAND, "BQA", "QA_PIXEL", "QA_RADSAT")]
    thermal = set(_sensor(name, images[0]).thermal)
    reducer = reducers.percentile([percentile], None)

    def whole(grid: Grid) -> list[tuple[Array, Array]]:
        clouds = [image.band(_SCORE_BAND).fetch(grid) for image in scored]
        seen = np.stack([pixels.mask > 0 for pixels in clouds])
        scores = np.where(seen, np.stack([pixels.values.astype("float64") for pixels in clouds]), np.inf)
        accepted = seen & (scores <= scores.min(axis=0) + cloud_score_range)
        results = []
        for band_name in kept:
            fetched = [image.band(band_name).fetch(grid) for image in scored]
            values = np.stack([pixels.values.astype("float64") for pixels in fetched])
            valid = accepted & np.stack([pixels.mask > 0 for pixels in fetched])
            result, mask = reducer.reduce_stack([values], valid)[0]
            if not as_float:
                result = np.rint(result - _THERMAL_OFFSET if band_name in thermal else result * 255)
            results.append((result, mask))
        return results

    shared = Shared(whole)
    kind = FLOAT if as_float else BYTE
    bands = [
        Band(band_name, kind, Projection(), output_source(shared, index, kind)) for index, band_name in enumerate(kept)
    ]
    return Image(bands=tuple(bands), footprint=composite_footprint(images))


def _cloudiness(image: Image) -> float:
    value = image.get("CLOUD_COVER")
    return float(value) if isinstance(value, int | float) else 100.0
