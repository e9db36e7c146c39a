"""Labels from points and polygons."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from earthline.config.section import AssetId, Number
from earthline.config.sections.labels.date import AnyLabelDate
from earthline.config.sections.labels.field_value import FieldValue
from earthline.config.sections.labels.label_files import COLUMNS, AnyLabelFiles, LabelFile, Where, named
from earthline.config.sections.labels.section import Labels
from earthline.label_features import dates as label_dates
from earthline.label_features import features as label_features
from earthline.label_features.features import FeaturesError, LabelFeatures
from earthline.label_features.files import Question
from earthline.label_features.files import read as read_file

MOST_INLINE_BYTES = 24_000
"""Largest text of features that travels with the config: a step's arguments hold all sections, quoted twice, and end
at 128 KiB on Linux; Vertex AI allows a custom job 100,000 characters of them."""
LABEL_PROPERTY = "label"
"""Property of features in Earth Engine that holds their label, a number whose meaning is the task's."""


class VectorLabels(Labels):
    """Labels from points and polygons: a file, or a table of Earth Engine.

    A file is read when the config is. What stays is its labels, so that its content counts and not its name: few
    travel with the config, many become a table whose name is the content's hash.
    """

    file: AnyLabelFiles | None = Field(
        default=None,
        description="Vector file (GeoJSON, GeoPackage, shapefile, KML) or CSV file of points, relative to the config's "
        "folder; or a list of such, which count as one: [fields.gpkg, {file: points.csv, field: label}].",
    )
    layer: str | None = Field(default=None, min_length=1, description="Layer of the file; left out, its only one.")
    table: AssetId | None = Field(default=None, description="Id of an Earth Engine table; or give `file`.")
    field: str | None = Field(default=None, min_length=1, description="Field that holds the label.")
    where: Where = Field(
        default_factory=dict,
        description="Fields and their value, or a list of values: only features that have them are labels, such as "
        "{year: 2021}.",
    )
    date: AnyLabelDate | None = Field(
        default=None,
        description="Field that tells when a label was true, such as survey_year, or {field: survey_year, tolerance: "
        "365}: labels of another time than the imagery's do not count.",
    )
    longitude: str | None = Field(
        default=None, min_length=1, description="Column of a CSV file: longitude, or easting in `crs`."
    )
    latitude: str | None = Field(
        default=None, min_length=1, description="Column of a CSV file: latitude, or northing in `crs`."
    )
    crs: str | None = Field(
        default=None, min_length=1, description="CRS of a CSV file's columns; left out, EPSG:4326: degrees."
    )
    radius: Number | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Metres around a point within which pixels have its label; left out, the pixel that holds it.",
    )
    all_touched: bool = Field(
        default=False,
        strict=True,
        description="Whether polygons label every pixel that they touch; else those whose centre lies inside.",
    )
    group_distance: Number | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        description="Metres within which features are kept in one split; left out, each feature by itself is.",
    )
    ignore: tuple[FieldValue, ...] = Field(default=(), description="Values of the field that mean no label.")
    features: tuple[tuple[int | float, Any], ...] | None = Field(
        default=None,
        description="What becomes of a small file: labels and places. Earthline fills it in; leave it out.",
    )
    content: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="What becomes of a large file: the hash of its labels. Earthline fills it in; leave it out.",
    )
    _read: LabelFeatures | None = PrivateAttr(default=None)
    _notes: tuple[str, ...] = PrivateAttr(default=())
    _name: str = PrivateAttr(default="")  # of the file, or of several

    @model_validator(mode="after")
    def _is_complete(self, info: ValidationInfo) -> Self:
        filled = self.features is not None or self.content is not None
        given = [key for key in ("file", "table", "features") if getattr(self, key) is not None]
        if len(given) != 1 and self.content is None:
            raise ValueError("give exactly one of `file` and `table`, or an `image` or `collection` with its `band`")
        if (
            self.table is not None
            and not filled
            and self.date is not None
            and self.date.order != label_dates.YEAR_FIRST
        ):
            raise ValueError("date: `order` is read of a `file`; write the days of a table as 2021-06-15")
        files = self.file or ()
        if self.field is None and not filled and not (files and all(each.field for each in files)):
            raise ValueError("`field` is required but not given; name the field that holds the label")
        if self.layer is not None and not files:
            raise ValueError("`layer` goes with `file`; remove it")
        if self.layer is not None and len(files) > 1:
            raise ValueError("`layer` is one file's; write it with the file: {file: fields.gpkg, layer: …}")
        if self.date is None and any(each.date for each in files):
            raise ValueError("`date` of a file is read where labels have one; give `date` beside `file` too")
        if self.date is not None and files and all(each.date is False for each in files):
            raise ValueError("`date` is false of every file, so that it says nothing; remove the one beside `file`")
        for each, others in ((self, files), *((each, (each,)) for each in files)):
            columns = [key for key in COLUMNS if getattr(each, key) is not None]
            if columns and not any(other.is_csv for other in others):
                raise ValueError(
                    f"`{columns[0]}` goes with a CSV `file`; other files know it by themselves, so remove it"
                )
        try:
            if self.file is not None:
                self._take_files(self.file, Path((info.context or {}).get("folder", ".")))
            elif self.features is not None:
                self._read = label_features.read(self.features)
                self.require_known(self._read)
        except FeaturesError as error:
            raise ValueError(str(error)) from error
        return self

    def _take_files(self, files: tuple[LabelFile, ...], folder: Path) -> None:
        found, notes = [], list[str]()
        for each in files:
            held, told = read_file(self._question(each, folder), self.meaning)
            found.append(held)
            layer = f", layer {each.layer}" if each.layer else ""
            notes += told if len(files) == 1 else [f"{each.file}{layer}: {note}" for note in told]
        self._notes, self._name = tuple(notes), named(files)
        # The section is frozen for those who use it; here it is still in the making.
        self.__dict__.update(
            file=None, layer=None, field=None, where={}, longitude=None, latitude=None, crs=None, ignore=()
        )
        whole = label_features.joined(found)
        if self.date is None:
            self._hold(whole)
        else:
            self._read = whole  # which of them count is known once the imagery's dates are: `settle_date`

    def _question(self, asked: LabelFile, folder: Path) -> Question:
        csv = self if asked.is_csv else asked
        field = asked.field or self.field
        assert field is not None
        return Question(
            folder / asked.file,
            field,
            asked.layer or self.layer,
            self.where if asked.where is None else asked.where,
            asked.longitude or csv.longitude,
            asked.latitude or csv.latitude,
            asked.crs or csv.crs or "EPSG:4326",
            None if self.date is None or asked.date is False else asked.date or self.date.field,
            self.date.order if self.date is not None else label_dates.YEAR_FIRST,
        )

    def _hold(self, found: LabelFeatures) -> None:
        """Takes the labels of a file: few travel with the config, many become a table."""
        written = found.written()
        few = len(str(written)) <= MOST_INLINE_BYTES
        self._read = found
        self.__dict__.update(features=written if few else None, content=None if few else found.digest())

    def settle_date(self, spans: Sequence[tuple[str, str]]) -> None:
        """Keeps the labels alone that are of the imagery's time; those of a table are told apart in Earth Engine.

        Args:
            spans: First days of the imagery's sources, and the days after the last ones.

        Raises:
            ValueError: The imagery has no dates, or no label is of its time.
        """
        asked = self.date
        if asked is None:
            return
        asked = asked.model_copy(update={"within": asked.within or tuple(dict.fromkeys(spans))})
        if not asked.within:
            raise ValueError(
                f"labels.date: no source of `imagery` has dates; say when labels count by `date: {{field: "
                f"{asked.field}, within: [[2021-01-01, 2022-01-01]]}}` (first day, day after the last one)"
            )
        if self._read is None or self._read.dates is None:
            self.__dict__["date"] = asked
            return
        found, period = self._read, asked.period
        kept = period.holds(self._read.dates)
        if not kept.any():
            raise ValueError(label_dates.none_told(len(found), period, label_dates.by_year(self._read.dates)))
        if not kept.all():
            years = label_dates.by_year(self._read.dates[~kept])
            told = label_dates.left_out(int((~kept).sum()), len(found), period, years)
            self._notes = (*self._notes, told)
        self._hold(found.only(kept))
        self.__dict__["date"] = None

    @abstractmethod
    def meaning(self, values: Sequence[Any]) -> Sequence[int | float | None]:
        """The label of each value of the field; None for what is empty or to be ignored.

        Raises:
            FeaturesError: Values that mean nothing to the task.
        """

    def require_known(self, found: LabelFeatures) -> None:
        """Checks features that travelled with the config.

        Raises:
            FeaturesError: Labels that mean nothing to the task.
        """

    def __eq__(self, other: object) -> bool:
        """The same keys and values; which file they came from does not count."""
        return isinstance(other, VectorLabels) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        """Goes with `__eq__`."""
        return hash(self.model_dump_json())

    def settle(self, project: str) -> None:
        """Gives a large file's labels the name of the table that they become.

        Args:
            project: Google Cloud project of the workflow.
        """
        if self.content is not None and self.table is None:
            self.__dict__["table"] = f"projects/{project}/assets/earthline/labels/{self.content[:32]}"

    @property
    def held(self) -> LabelFeatures | None:
        """The features, where they are at hand: of a file that was read, or of those that travel with the config."""
        return self._read

    @property
    def upload(self) -> LabelFeatures | None:
        """The features that `table` is to be made of before a run; None where there is nothing to do."""
        return self._read if self.content is not None else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the file held besides labels, a sentence each."""
        return self._notes

    @property
    def asset(self) -> str:
        """The table's id; empty where the features travel with the config."""
        return self.table or ""

    @property
    def told(self) -> str:
        """The file, or several, without their folders; or the table."""
        if self._name:
            return self._name
        return self.table or f"the config's {len(self.features or ()):,} features"
