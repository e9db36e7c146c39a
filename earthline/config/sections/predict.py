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
    bands: tuple[str, ...] = Field(
        default=(),
        description="Further bands that tell how far the map can be believed, written to confidence.tif and to the "
        "asset: of classes `probability`, `margin` (to the next class) and `set_size` (classes that cannot be ruled "
        "out, see train.certainty.coverage); of a value the bounds of the loss `quantile`, such as `q0.05`; of both, "
        "with train.certainty.applicability, `dissimilarity` and `applicable` (1 inside the area of applicability).",
    )
    tile_shape: Shape = Field(
        default=(256, 256), description="Pixels of the map per request to Earth Engine, (height, width)."
    )
    concurrency: WholeNumber = Field(default=4, ge=1, le=40, description="Requests under way at once.")
