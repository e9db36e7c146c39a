"""The section `data`: imagery, labels, region and grid."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from earthline.config.section import Number, Section
from earthline.config.sections.imagery import AnyImagery
from earthline.config.sections.labels import Labels
from earthline.config.sections.region import BoundingBox
from earthline.grid import Grid, GridError, known_crs

MOST_PIXELS = 10**11
"""Largest grid: 3,000 km a side at 10 m. More is a mistake of units, and nothing could hold the plan."""
METRES_PER_DEGREE = 111_320
"""Of the equator."""
_DEGREES_AT_MOST = 1.0
"""Largest scale in degrees: a pixel of 111 km. Whoever writes more means metres."""


class Data(Section):
    """Imagery, labels, region and grid."""

    imagery: AnyImagery = Field(description="Where pixels come from and which bands they have.")
    labels: Labels
    region: BoundingBox | None = Field(
        default=None, description="Where to work; left out, the footprint of a single image asset."
    )
    crs: str | None = Field(
        default=None,
        pattern=r"^EPSG:\d+$",
        description="CRS of patches and map; left out, the image's own grid.",
    )
    scale: Number | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Size of a pixel in units of the CRS: metres, or degrees for one like EPSG:4326; goes with `crs`.",
    )

    @field_validator("crs")
    @classmethod
    def _is_known(cls, crs: str | None) -> str | None:
        if crs is not None:
            try:
                known_crs(crs)
            except GridError as error:
                raise ValueError(f"{crs} is no CRS that PROJ knows; look its code up at epsg.io") from error
            described = known_crs(crs)
            if len(described.axis_info) != 2 or not (described.is_projected or described.is_geographic):
                raise ValueError(
                    f"{crs} ({described.name}) is no map projection and no pair of longitude and latitude; use such a "
                    "CRS, as EPSG:4326 or the UTM zone of the region"
                )
        return crs

    @model_validator(mode="after")
    def _has_a_grid(self) -> Self:
        if (self.crs is None) != (self.scale is None):
            raise ValueError("`crs` and `scale` go together: give both, or neither to use the image's own grid")
        if self.imagery.grid_source is None:
            missing = [key for key in ("crs", "region") if getattr(self, key) is None]
            if missing:
                raise ValueError(
                    f"a collection has no grid of its own: give {' and '.join(f'`{key}`' for key in missing)}"
                    " (such as crs: EPSG:32633, scale: 10)"
                )
        if self.crs is not None and self.scale is not None:
            self._require_sane_scale(self.crs, self.scale)
        return self

    def _require_sane_scale(self, crs: str, scale: float) -> None:
        """Refuses metres where the CRS counts degrees and the other way round, while that is easy to mend."""
        described = known_crs(crs)
        unit = described.axis_info[0].unit_name if described.axis_info else "unit"
        if described.is_geographic and scale > _DEGREES_AT_MOST:
            raise ValueError(
                f"scale {scale:g}: {crs} counts degrees, so a pixel would be {scale:g} degrees wide; for {scale:g} m "
                f"write {scale / METRES_PER_DEGREE:.2g}, or choose a CRS in metres such as the region's UTM zone"
            )
        if self.region is None:
            return
        region = self.region
        try:
            left, bottom, right, top = Grid(crs, (scale, 0.0, 0.0, 0.0, -scale, 0.0), (1, 1)).project(region.degrees)
        except GridError as error:
            raise ValueError(f"region: {error}") from error
        pixels = (right - left) * (top - bottom) / scale**2
        if pixels > MOST_PIXELS:
            raise ValueError(
                f"scale {scale:g}: {crs} counts in {unit}s, so the region would be {(top - bottom) / scale:,.0f} x "
                f"{(right - left) / scale:,.0f} pixels; use a larger scale (such as 10 for 10 {unit}s) or a smaller "
                "region"
            )
        if pixels < 1:
            raise ValueError(
                f"scale {scale:g}: {crs} counts in {unit}s, so the whole region would be less than one pixel; use a "
                "smaller scale or a larger region"
            )
