"""Labels from a raster."""

from typing import Self

from pydantic import Field, model_validator

from earthline.config.section import AssetId, Number
from earthline.config.sections.labels.section import Labels


class RasterLabels(Labels):
    """Labels from an image, or from the mosaic of a collection."""

    image: AssetId | None = Field(default=None, description="Id of a label image; or give `collection`.")
    collection: AssetId | None = Field(default=None, description="Id of a collection whose mosaic holds the labels.")
    band: str = Field(description="Band that holds the values.")
    ignore: tuple[Number, ...] = Field(default=(), description="Values of the label raster that mean no label.")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.image is None) == (self.collection is None):
            raise ValueError("give exactly one of `image` and `collection`")
        return self

    @property
    def asset(self) -> str:
        """The id of whichever source is given."""
        return self.image or self.collection or ""

    @property
    def told(self) -> str:
        """The asset and its band."""
        return f"the band {self.band} of {self.asset}"
