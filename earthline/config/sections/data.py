"""The section `data`: imagery, labels, region and grid."""

from typing import Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from earthline.config.section import Number, Section
from earthline.config.sections.alignment import AnyAlignment
from earthline.config.sections.examples import Examples
from earthline.config.sections.imagery import AnyImagery
from earthline.config.sections.labels import AnyLabels, ExampleLabels, VectorLabels
from earthline.config.sections.region import AnyRegion
from earthline.grid import Grid, GridError, default_crs, known_crs, shown, written

MOST_PIXELS = 10**11
"""Largest grid: 3,000 km a side at 10 m. More is a mistake of units, and nothing could hold the plan."""
METRES_PER_DEGREE = 111_320
"""Of the equator."""
_DEGREES_AT_MOST = 1.0
"""Largest scale in degrees: a pixel of 111 km. Whoever writes more means metres."""


class Data(Section):
    """Imagery, labels, region and grid."""

    imagery: AnyImagery = Field(description="Where pixels come from and which bands they have.")
    labels: AnyLabels = Field(description="The ground truth, and what the map tells.")
    examples: Examples | None = Field(
        default=None,
        description="TFRecords made elsewhere that the model learns from, in place of patches of `imagery`; the map is "
        "still made of `imagery`.",
    )
    region: AnyRegion | None = Field(
        default=None,
        description="Where to work: a rectangle, or an outline, outside of which nothing is learned and mapped; left "
        "out, the footprint of a single image asset.",
    )
    crs: str | None = Field(
        default=None,
        min_length=1,
        max_length=10_000,
        description="CRS of patches and map: a code such as EPSG:32633 or ESRI:54009, WKT, or a PROJ string; left out, "
        "the region's UTM zone where `scale` is given, else the image's own grid.",
    )
    scale: Number | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="Size of a pixel in units of the CRS: metres, or degrees for one like EPSG:4326.",
    )
    align_to: AnyAlignment | None = Field(
        default=None,
        description="Raster whose grid is taken in place of `crs` and `scale`: id of an Earth Engine image, or name of "
        "a file, relative to the config's folder.",
    )
    _chosen: str = PrivateAttr(default="")

    @field_validator("crs")
    @classmethod
    def _is_known(cls, crs: str | None) -> str | None:
        if crs is None:
            return None
        try:
            known_crs(crs)
        except GridError as error:
            raise ValueError(f"{shown(crs)} is no CRS that PROJ knows; look its code up at epsg.io") from error
        try:
            return written(crs)
        except GridError as error:
            raise ValueError(str(error)) from error

    @property
    def grid_told(self) -> str:
        """Which CRS was chosen for want of one in the config, and why; empty where none was."""
        return self._chosen

    @model_validator(mode="after")
    def _has_examples_for_their_labels(self) -> Self:
        of_examples = isinstance(self.labels, ExampleLabels)
        if self.examples is None:
            if of_examples:
                raise ValueError("labels: `feature` names a feature of `data.examples`, which is not given; give it")
            return self
        if not of_examples:
            raise ValueError(
                "labels: with `data.examples` the labels stand in its records: give `feature`, and what its values mean"
            )
        unknown = [band for band in self.examples.features if band not in self.imagery.band_names]
        if unknown:
            raise ValueError(
                f"examples.features: `{unknown[0]}` is no band of `imagery`, which has "
                f"{', '.join(self.imagery.band_names)}"
            )
        return self

    @model_validator(mode="after")
    def _has_labels_of_its_time(self) -> Self:
        if isinstance(self.labels, VectorLabels):
            spans = [source.span for source in self.imagery.all_sources]
            self.labels.settle_date([span for span in spans if span is not None])
        return self

    @model_validator(mode="after")
    def _has_a_grid(self) -> Self:
        if self.align_to is not None and (self.crs is not None or self.scale is not None):
            raise ValueError("`align_to` gives CRS and pixels; remove `crs` and `scale`")
        if self.crs is not None and self.scale is None:
            raise ValueError("`crs` and `scale` go together: give both, or neither to use the image's own grid")
        if self.scale is not None and self.crs is None:
            self._choose_crs()
        if self.imagery.grid_source is None:
            missing = [
                *(["crs"] if self.crs is None and self.align_to is None else []),
                *(["region"] if self.region is None else []),
            ]
            if missing:
                raise ValueError(
                    f"a collection has no grid of its own: give {' and '.join(f'`{key}`' for key in missing)}"
                    " (such as crs: EPSG:32633, scale: 10; of a region's UTM zone, `scale` is enough)"
                )
        if self.crs is not None and self.scale is not None:
            self._require_sane_scale(self.crs, self.scale)
        return self

    def _choose_crs(self) -> None:
        shape = self.region.shape if self.region is not None else None
        if shape is None and self.region is not None:
            raise ValueError(
                "crs: add it beside `scale`, as the region is a table, whose place Earth Engine alone knows. Its UTM "
                "zone is (longitude + 180) / 6, rounded up, and the zone's code that number after EPSG:326, south of "
                "the equator after EPSG:327: EPSG:32633 at 14.5 degrees east"
            )
        if shape is None:
            raise ValueError(
                "`crs` and `scale` go together where there is no `region`: give both, or neither to use the image's "
                "own grid"
            )
        choice = default_crs(*shape.bounds)
        # The section is frozen for those who use it; here it is still in the making.
        self.__dict__["crs"] = choice.crs
        self._chosen = choice.told

    def _require_sane_scale(self, crs: str, scale: float) -> None:
        """Refuses metres where the CRS counts degrees and the other way round, while that is easy to mend."""
        described = known_crs(crs)
        unit = described.axis_info[0].unit_name if described.axis_info else "unit"
        if described.is_geographic and scale > _DEGREES_AT_MOST:
            raise ValueError(
                f"scale {scale:g}: {crs} counts degrees, so a pixel would be {scale:g} degrees wide; for {scale:g} m "
                f"write {scale / METRES_PER_DEGREE:.2g}, or choose a CRS in metres such as the region's UTM zone"
            )
        if self.region is None or self.region.shape is None:
            return
        plane = Grid(crs, (scale, 0.0, 0.0, 0.0, -scale, 0.0), (1, 1))
        try:
            left, bottom, right, top = plane.project(self.region.shape.bounds)
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
