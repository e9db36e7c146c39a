"""Files of labels: one, or several that count as one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from earthline.config.section import Section
from earthline.label_features.files import CSV_SUFFIXES

Where = dict[str, str | int | float | tuple[str | int | float, ...]]
"""Fields and their value, or a list of values."""
COLUMNS = ("longitude", "latitude", "crs")
"""What only a CSV file has to be told."""


class LabelFile(Section):
    """One of several files. What is left out is as it stands beside `file`."""

    file: str = Field(
        min_length=1,
        description="Vector file (GeoJSON, GeoPackage, shapefile, KML) or CSV file of points, relative to the config's "
        "folder.",
    )
    layer: str | None = Field(default=None, min_length=1, description="Layer of the file; left out, its only one.")
    field: str | None = Field(default=None, min_length=1, description="Field that holds the label.")
    where: Where | None = Field(
        default=None, description="Fields and their value, or a list of values: only such features count; {} for all."
    )
    date: Annotated[str, Field(min_length=1)] | Literal[False] | None = Field(
        default=None,
        description="Field that holds the date, in place of `date.field`; `false` where the file's labels have no date "
        "and count at any time.",
    )
    longitude: str | None = Field(
        default=None, min_length=1, description="Column of a CSV file: longitude, or easting in `crs`."
    )
    latitude: str | None = Field(
        default=None, min_length=1, description="Column of a CSV file: latitude, or northing in `crs`."
    )
    crs: str | None = Field(default=None, min_length=1, description="CRS of a CSV file's columns.")

    @property
    def is_csv(self) -> bool:
        """Whether it is a table of points."""
        return self.file.lower().endswith(CSV_SUFFIXES)


def named(files: tuple[LabelFile, ...]) -> str:
    """The names of files, without their folders, in words.

    Args:
        files: One or more.
    """
    *names, last = dict.fromkeys(Path(each.file).name for each in files)
    return f"{', '.join(names)} and {last}" if names else last


def _read(value: Any) -> Any:
    given = list(value) if isinstance(value, list | tuple) else [value]
    if not given:
        raise ValueError("the list is empty; name a file")
    if wrong := [each for each in given if not isinstance(each, str | Mapping | LabelFile)]:
        raise ValueError(
            f"{wrong[0]!r} names no file; write a name in quotes, or a list such as [fields.gpkg, {{file: points.csv, "
            "field: label}]"
        )
    return [{"file": each} if isinstance(each, str) else each for each in given]


AnyLabelFiles = Annotated[
    tuple[LabelFile, ...], BeforeValidator(_read, json_schema_input_type=str | list[str | LabelFile])
]
"""Files, or the name of one."""
