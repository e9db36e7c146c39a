"""Server functions under the names that they had before."""

from typing import Any

from earthline_sandbox.earthengine.functions.geometry.geometry_changes import feature_transform
from earthline_sandbox.earthengine.functions.image.image_projection import projection
from earthline_sandbox.earthengine.language.registry import function
from earthline_sandbox.earthengine.pixels.grid import Projection
from earthline_sandbox.earthengine.values.values import Element, Feature


@function("Proj")
def proj(crs: Any, transform: list[Any] | None, transform_wkt: str | None) -> Projection:
    """A projection by CRS and the six numbers of its transform."""
    return projection(crs, transform, transform_wkt)


@function("ProjectionTransform", ignores=("maxError",))
def projection_transform(feature: Element, proj: Projection, geodesic: bool | None) -> Feature:
    """The feature in another projection."""
    return feature_transform(feature, proj, geodesic)
