"""Which kind of labels a section means."""

from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler, SerializeAsAny, ValidationInfo
from pydantic.json_schema import JsonSchemaValue

from earthline.config.sections.labels.raster import RasterLabels
from earthline.config.sections.labels.section import Labels
from earthline.config.sections.labels.vector import VectorLabels

_OF_VECTORS = set(VectorLabels.model_fields) - set(RasterLabels.model_fields)
_OF_RASTERS = set(RasterLabels.model_fields) - set(VectorLabels.model_fields)


def meant(content: Any) -> type[Labels]:
    """The kind of labels that the keys of a section mean."""
    keys = set(content) if isinstance(content, dict) else set()
    return VectorLabels if keys & _OF_VECTORS and not keys & _OF_RASTERS else RasterLabels


def _read(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Labels):
        return value
    return meant(value).model_validate(value, context=info.context)


class _Schema:
    """The JSON schema of either kind."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(kind.__pydantic_core_schema__) for kind in (RasterLabels, VectorLabels)]}


AnyLabels = Annotated[SerializeAsAny[Labels], BeforeValidator(_read), _Schema()]
"""Labels from a raster, or from points and polygons where `file` or `table` is given."""
