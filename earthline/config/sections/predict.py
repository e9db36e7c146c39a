"""The section `predict`: the map."""

from pydantic import Field

from earthline.config.section import AssetId, Section, Shape, WholeNumber
from earthline.config.sections.region import AnyRegion


class Predict(Section):
    """The map."""

    region: AnyRegion | None = Field(
        default=None,
        description="Where to map: a rectangle, or an outline to which the map is cut; left out, the region of `data`.",
    )
    asset: AssetId | None = Field(
        default=None,
        description="Earth Engine asset to write as well as the GeoTIFF; left out, the GeoTIFF only.",
    )
    tile_shape: Shape = Field(
        default=(256, 256), description="Pixels of the map per request to Earth Engine, (height, width)."
    )
    concurrency: WholeNumber = Field(default=4, ge=1, le=40, description="Requests under way at once.")
