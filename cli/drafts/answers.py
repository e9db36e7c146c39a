"""What somebody said about a workflow that has no config yet, by flags or at the terminal."""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VECTOR_SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".kml", ".zip", ".fgb")
LABELS_SUFFIXES = (".csv", *VECTOR_SUFFIXES)
_RASTER_SUFFIXES = (".tif", ".tiff", ".vrt", ".img", ".jp2", ".nc", ".hdf")
READY_SCALES = {
    "sentinel2": 10.0,
    "landsat": 30.0,
    "sentinel1": 10.0,
    "copernicus_dem": 30.0,
    "satellite_embeddings": 10.0,
    "dynamic_world": 10.0,
}
"""Metres of a pixel by the name of a ready source, from the pages of Earth Engine's catalogue."""
UNDATED = ("copernicus_dem",)
"""Ready sources that need no dates."""
NAME = re.compile(r"[a-z][a-z0-9\-]{1,40}[a-z0-9]")
"""Names of workflows."""
_NUMBER = r"\s*[-+]?\d+(?:\.\d+)?\s*"
_BOX = re.compile(rf"^{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}$")


class DraftError(ValueError):
    """No config can be made of what was said; the text names the flag and the fix."""


@dataclass
class Answers:
    """Answers, empty where there is none yet.

    Attributes:
        target: `sandbox` or `cloud`.
        project: Google Cloud project.
        bucket: Its bucket.
        location: Where Vertex AI and bucket lie.
        image: Asset id of imagery that is one image.
        collection: Asset id of imagery that is a collection.
        ready: Name of a ready source.
        bands: Names, in order.
        quality: How clouds can be masked, by the bands that the imagery turned out to have; empty where it cannot.
        start: First day, YYYY-MM-DD.
        end: Day after the last one.
        labels: Asset id of the labels.
        labels_file: Their file.
        layer: Of the labels' file, where it has several.
        label_band: Band of a label raster.
        field: Field of a table or a file that holds the class, or the value.
        value: Name of a continuous value that the labels are; empty where nobody said so.
        unit: Its unit.
        region: `WEST,SOUTH,EAST,NORTH`, a vector file, or the id of a table.
        crs: CRS of patches and map.
        scale: Size of a pixel in units of the CRS; 0 where there is none.
        name: Of the workflow.
    """

    target: str = ""
    project: str = ""
    bucket: str = ""
    location: str = ""
    image: str = ""
    collection: str = ""
    ready: str = ""
    bands: tuple[str, ...] = ()
    quality: str = ""
    start: str = ""
    end: str = ""
    labels: str = ""
    labels_file: str = ""
    layer: str = ""
    label_band: str = ""
    field: str = ""
    value: str = ""
    unit: str = ""
    region: str = ""
    crs: str = ""
    scale: float = 0.0
    name: str = ""

    @property
    def is_of_many_images(self) -> bool:
        """True where a composite is made."""
        return bool(self.collection or self.ready)

    @property
    def needs_dates(self) -> bool:
        """True where images are chosen by date."""
        return bool(self.collection) or bool(self.ready and self.ready not in UNDATED)

    def require_clear(self) -> None:
        """Refuses answers that exclude each other, and files where an asset's id belongs.

        Raises:
            DraftError: Two flags say two things, or one names a file.
        """
        for flags in (("image", "collection", "ready"), ("labels", "labels_file")):
            given = [flag for flag in flags if getattr(self, flag)]
            if len(given) > 1:
                raise DraftError(f"{' and '.join(map(flag_of, given))}: give one of them")
        if self.layer and not self.labels_file:
            raise DraftError("--layer: it is one of a file; give the file by --labels-file")
        if self.target not in ("", "sandbox", "cloud"):
            raise DraftError(f"--target: '{self.target}' is neither sandbox nor cloud")
        if self.ready and self.ready not in READY_SCALES:
            raise DraftError(f"--ready: '{self.ready}' is no ready source; known here: {', '.join(READY_SCALES)}")
        for key in ("image", "collection", "labels"):
            if told := file_instead(key, getattr(self, key)):
                raise DraftError(f"{flag_of(key)}: {told}")

    def settle_target(self) -> None:
        """Where nobody said it: the cloud for whoever names a project or a bucket."""
        self.target = self.target or ("cloud" if self.project or self.bucket else "sandbox")

    def missing(self) -> Iterator[str]:
        """Flags without which there is no config, whatever Earth Engine tells."""
        if self.target == "cloud":
            yield from (flag_of(key) for key in ("project", "bucket") if not getattr(self, key))
        if not (self.image or self.is_of_many_images):
            yield "--image (or --collection, or --ready)"
        if self.needs_dates:
            yield from (flag_of(key) for key in ("start", "end") if not getattr(self, key))
        if self.is_of_many_images and not self.region:
            yield "--region"
        if not (self.labels or self.labels_file):
            yield "--labels (or --labels-file)"
        if self.labels_file and not self.field:
            yield "--field"

    def unknown(self, is_table: bool) -> Iterator[str]:
        """Flags that only Earth Engine could stand in for.

        Args:
            is_table: Whether the labels' asset is known to be a table.
        """
        if not self.bands and not self.ready:
            yield "--bands"
        if is_table and not self.field:
            yield "--field"
        if self.labels and not is_table and not (self.label_band or self.field):
            yield "--label-band"
        if self.collection and not self.scale:
            yield "--scale"

    def settle(self, file: Path | None) -> None:
        """Fills in what follows from the other answers.

        Args:
            file: To write; None where its name follows from the workflow's.
        """
        self.scale = self.scale or READY_SCALES.get(self.ready, 0.0)
        self.name = self.name or _name_from(
            file.stem if file else self.image or self.labels or self.labels_file or self.ready
        )

    def region_section(self, folder: Path) -> Mapping[str, Any] | None:
        """The section `data.region`; None where there is none.

        Args:
            folder: Of the config.

        Raises:
            DraftError: It is neither a rectangle, nor a file that is there, nor an asset's id.
        """
        text = self.region
        if not text:
            return None
        if _BOX.match(text):
            return dict(zip(("west", "south", "east", "north"), map(float, text.split(",")), strict=True))
        if text.lower().endswith(VECTOR_SUFFIXES):
            return {"file": beside(Path(text), folder, "--region")}
        if "/" not in text:
            raise DraftError(
                f"--region: '{text}' is no rectangle, file or table; write WEST,SOUTH,EAST,NORTH in degrees, such as "
                "10.5,45.3,11,45.8"
            )
        return {"table": text}

    def imagery_section(self, data_type: str) -> dict[str, Any]:
        """The section `data.imagery`.

        Args:
            data_type: Of the patches.
        """
        source = "image" if self.image else "collection" if self.collection else "ready"
        section: dict[str, Any] = {source: getattr(self, source)}
        if self.bands:
            section["bands"] = list(self.bands)
        if self.needs_dates:
            section |= {"start": self.start, "end": self.end}
        section |= self.masking()
        return section | {"data_type": data_type}

    def masking(self) -> dict[str, Any]:
        """How clouds are masked, where the collection's id or a band of the imagery tells."""
        if self.collection.startswith("COPERNICUS/S2"):
            return {"cloud_mask": "sentinel2_cloud_score", "max_cloud_percent": 60}
        if re.match(r"LANDSAT/L[A-Z]0[4-9]/C02/", self.collection):
            return {"cloud_mask": "landsat_qa", "max_cloud_percent": 60}
        return {"cloud_mask": self.quality} if self.quality else {}


def file_instead(key: str, asset: str) -> str:
    """What to do where a file was named instead of an asset; empty where it may be an asset's id.

    Args:
        key: Name of the answer.
        asset: What was given.
    """
    suffix = Path(asset).suffix.lower()
    if key == "labels" and suffix in LABELS_SUFFIXES:
        return f"{asset} is a file with points or polygons; give it by --labels-file"
    if suffix not in _RASTER_SUFFIXES:
        return ""
    made = f"projects/sandbox/assets/{re.sub(r'[^A-Za-z0-9_-]+', '_', Path(asset).stem)}"
    whole = " --pyramiding MODE" if key == "labels" else ""
    command = f"earthline sandbox add {made} {shlex.quote(asset)}{whole}"
    return (
        f"{asset} is a file, and Earth Engine reads assets; make one of it, and give {made} instead: `earthline "
        f"sandbox start`, `{command}`; for Google Cloud: `earthengine upload image`, see docs/how-to/google-cloud.md"
    )


def flag_of(key: str) -> str:
    """The flag that gives an answer.

    Args:
        key: Name of the answer.
    """
    return f"--{key.replace('_', '-')}"


def beside(path: Path, folder: Path, flag: str) -> str:
    """A file as a config in a folder names it.

    Args:
        path: Relative to the working folder.
        folder: Of the config.
        flag: That gave it, for the error.

    Raises:
        DraftError: There is no such file.
    """
    if not path.exists():
        raise DraftError(f"{flag}: {path} is not there; check the name")
    return str(path) if path.is_absolute() else os.path.relpath(path, folder)


def _name_from(text: str) -> str:
    """A workflow's name out of an asset's id or a file's name: of `…/virginia/image`, `virginia`."""
    parts = [part for part in re.split(r"[/\\]", text) if part]
    last = Path(parts[-1]).stem if parts else ""
    dull = last.lower() in ("image", "imagery", "scene", "labels", "label", "data")
    word = parts[-2] if dull and len(parts) > 1 and parts[-2] not in ("assets", ".", "..") else last
    cleaned = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:40].strip("-")
    return cleaned if NAME.fullmatch(cleaned) else f"map-{cleaned}"[:42].strip("-")
