"""Server functions under the names that they had before."""

from typing import Any

from sandbox.earthengine.functions.geometry import feature_transform
from sandbox.earthengine.functions.image_projection import projection
from sandbox.earthengine.grid import Projection
from sandbox.earthengine.registry import function
from sandbox.earthengine.values import Element, Feature


@function("Proj")
def proj(crs: Any, transform: list[Any] | None, transform_wkt: str | None) -> Projection:
    """A projection by CRS and the six numbers of its transform."""
    return projection(crs, transform, transform_wkt)


@function("ProjectionTransform", ignores=("maxError",))
def projection_transform(feature: Element, proj: Projection, geodesic: bool | None) -> Feature:
    """The feature in another projection."""
    return feature_transform(feature, proj, geodesic)
