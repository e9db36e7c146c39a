"""What Earth Engine tells of imagery and labels before there is a config; `connection.connect` comes first."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ee

from cli.drafts.answers import DraftError
from cli.drafts.values import QUANTILES, Spread
from earthline.config import Data, RasterLabels
from earthline.earth_engine import ee_assets, verification
from earthline.earth_engine.imagery import answered
from earthline.grid import Grid
from earthline.task.classification.labels import counts_of

IMAGE, COLLECTION, TABLE = "IMAGE", "IMAGE_COLLECTION", "TABLE"
_AUXILIARY = ("QA", "SCL", "MSK", "SR_QA", "ST_", "SR_ATMOS", "SR_CLOUD", "cs", "AOT", "WVP", "TCI")
"""Bands that tell about quality and not about ground begin like this."""


@dataclass(frozen=True)
class Bands:
    """What an image is made of.

    Attributes:
        types: Earth Engine's type of each band, such as `int 0 to 255`, by name and in order.
        metres: Nominal size of a pixel of the first band.
    """

    types: Mapping[str, str]
    metres: float

    @property
    def usual(self) -> tuple[str, ...]:
        """Bands that show the ground."""
        chosen = tuple(name for name in self.types if not name.startswith(_AUXILIARY))
        return chosen or tuple(self.types)


def kind(asset: str, flag: str) -> str:
    """What an asset is: an image, a collection or a table.

    Args:
        asset: Its id.
        flag: That gave it, for the error.

    Raises:
        DraftError: There is no such asset, or it is something else.
        PixelsError: Earth Engine does not answer.
    """
    found = ee_assets.info(asset)
    if found is None:
        raise DraftError(f"{flag}: {asset} is not there, or may not be seen; check its id")
    named = str(found.get("type", "")).upper()
    named = {"IMAGECOLLECTION": COLLECTION, "FEATURECOLLECTION": TABLE}.get(named, named)
    if named not in (IMAGE, COLLECTION, TABLE):
        raise DraftError(f"{flag}: {asset} is an asset of type {named}; name an image, a collection or a table")
    return named


def bands(asset: str, is_collection: bool, key: str) -> Bands:
    """The bands of an image, or of the first one of a collection.

    Args:
        asset: Its id.
        is_collection: Whether it is a collection.
        key: Of the config, for errors.

    Raises:
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    image = ee.ImageCollection(asset).first() if is_collection else ee.Image(asset)
    asked = {"image": image, "metres": image.select([0]).projection().nominalScale()}
    found = answered(ee.Dictionary(asked).getInfo, key)
    types = {str(band["id"]): _told(band["data_type"]) for band in found["image"]["bands"]}
    return Bands(types, float(found["metres"]))


def properties(labels: RasterLabels) -> dict[str, Any]:
    """Properties of a label raster, and those of its first image where it is a collection.

    Args:
        labels: The section.

    Raises:
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    image = ee.Image(labels.image) if labels.image else ee.ImageCollection(labels.collection).first()
    found = answered(image.toDictionary().getInfo, "data.labels")
    return dict(found)


def label_counts(data: Data, grid: Grid) -> tuple[dict[float, float], bool]:
    """How often each value of a label raster is there in the region.

    Args:
        data: The section; its classes do not matter.
        grid: Of the region.

    Returns:
        Counts by value, and whether they are of all pixels.

    Raises:
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    every = math.prod(grid.shape) <= verification.EXACT_PIXELS
    return counts_of(verification.label_survey(data, grid)), every


def label_spread(data: Data, grid: Grid) -> Spread:
    """Which values a label raster holds in the region.

    Args:
        data: The section; its labels are a value of any range.
        grid: Of the region.

    Raises:
        DraftError: It holds none.
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    answer = verification.label_survey(data, grid)
    low, high = (next(iter(answer[end].values()), None) for end in ("low", "high"))
    if low is None or high is None:
        raise DraftError(f"--labels: {data.labels.asset} holds no value in the region; move --region")
    quantiles = {key.rpartition("p")[2]: value for key, value in answer["mean"].items()}
    found = (quantiles.get(str(percent)) for percent in QUANTILES)
    return Spread(float(low), float(high), tuple(float(value) for value in found if value is not None))


def field_counts(table: str, field: str) -> dict[str, float]:
    """How many features of a table have each value of a field.

    Args:
        table: Its id.
        field: The field.

    Raises:
        ImageryError: Earth Engine refuses.
        PixelsError: It does not answer.
    """
    found = answered(ee.FeatureCollection(table).aggregate_histogram(field).getInfo, "data.labels.field")
    return {str(value): float(count) for value, count in found.items() if value not in ("null", "")}


def _told(data_type: Mapping[str, Any]) -> str:
    if "min" in data_type and "max" in data_type:
        return f"{data_type['precision']} {data_type['min']:,.0f} to {data_type['max']:,.0f}"
    return str(data_type["precision"])
