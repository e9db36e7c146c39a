"""`data.align_to`: the grid of a raster that is there already."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic.json_schema import JsonSchemaValue

from earthline.config.section import AssetId, Number, Section
from earthline.grid import GridError, written

_SUFFIXES = (".tif", ".tiff", ".vrt", ".img", ".jp2", ".asc")


class Alignment(Section):
    """A raster whose pixels are those of patches and map; of a file, its CRS and transform are what stays here."""

    asset: AssetId | None = Field(default=None, description="Id of an Earth Engine image.")
    crs: str | None = Field(default=None, min_length=1, description="CRS of a raster.")
    transform: tuple[Number, Number, Number, Number, Number, Number] | None = Field(
        default=None,
        description="From pixels to the CRS: (scaleX, shearX, translateX, shearY, scaleY, translateY).",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.asset is None) == (self.crs is None) or (self.crs is None) != (self.transform is None):
            raise ValueError("give the id of an image or the name of a raster file, or both `crs` and `transform`")
        if self.transform is not None:
            a, b, _, d, e, _ = self.transform
            if a * e == b * d:
                raise ValueError(f"transform {list(self.transform)} gives pixels no area; correct it")
        return self


def _read(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    path = Path((info.context or {}).get("folder", ".")) / value
    if not value.lower().endswith(_SUFFIXES):
        if path.is_file():
            raise ValueError(f"{path} is no raster file; give one of the kinds {', '.join(_SUFFIXES)}")
        return {"asset": value}
    if not path.is_file():
        raise ValueError(f"{path} is not there; a file's name is taken relative to the config's folder")
    # It loads slowly, and few configs need it.
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path) as file:
            crs, transform = file.crs, file.transform
    except RasterioError as error:
        raise ValueError(f"{path} cannot be read as a raster ({error})") from error
    if crs is None:
        raise ValueError(f"{path} names no CRS, so nobody knows where its pixels lie; `gdal_edit.py -a_srs` adds one")
    try:
        code = crs.to_epsg(confidence_threshold=100)
        return {"crs": written(f"EPSG:{code}" if code else crs.to_wkt()), "transform": tuple(transform)[:6]}
    except GridError as error:
        raise ValueError(f"{path}: {error}") from error


class _Schema:
    """The JSON schema of a name, or of what was read from one."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


AnyAlignment = Annotated[Alignment, BeforeValidator(_read), _Schema()]
"""An asset's id, the name of a raster file, or what was read from one."""
