"""ESRI shapefiles, zipped or side by side, from and to GeoJSON geometries and properties.

GDAL reads and writes the geometries (`shapes`), `dbase` the properties. Exports are like Earth Engine's
(https://developers.google.com/earth-engine/guides/exporting_tables): one kind of geometry, one projection, and column
names of at most ten characters.
"""

import zipfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.geometry import mapping, shape

from earthline_sandbox.earthengine.formats import dbase, shapes
from earthline_sandbox.earthengine.pixels.grid import WGS84, crs_of, transformer
from earthline_sandbox.errors import invalid

_MAX_MEMBERS = 100
_FILES = (".shp", ".dbf", ".prj", ".cpg")
_KINDS = {
    "Point": "Point",
    "MultiPoint": "MultiPoint",
    "LineString": "LineString",
    "LinearRing": "LineString",
    "MultiLineString": "LineString",
    "Polygon": "Polygon",
    "MultiPolygon": "Polygon",
}

Record = tuple[dict[str, Any] | None, dict[str, Any]]


class ShapefileError(ValueError):
    """An archive that holds no shapefile, or a damaged one."""


def read_archive(path: Path, *, limit_bytes: int, charset: Any = None) -> list[Record]:
    """(geometry in EPSG:4326, properties) of every record.

    Args:
        path: A .zip with one .shp and the .dbf and .prj of the same name.
        limit_bytes: Largest size of all members, uncompressed.
        charset: Of the texts; UTF-8 or what the archive's .cpg says by default.

    Raises:
        ShapefileError: Not such an archive, damaged, or larger.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members) > limit_bytes:
                raise ShapefileError(f"it holds more than {_MAX_MEMBERS} files or {limit_bytes} bytes")
            # By their endings alone: no name of the archive becomes one of this machine.
            files = {PurePosixPath(member.filename).suffix.lower(): member for member in members}
            named = [m for m in members if m.filename.lower().endswith(".shp")]
            if len(named) != 1:
                raise ShapefileError(f"it holds {len(named)} .shp files instead of one")
            found = {suffix: files[suffix] for suffix in _FILES if suffix in files}
            content = {suffix: _bounded(archive, member, limit_bytes) for suffix, member in found.items()}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise ShapefileError(str(error)) from error
    return _read(content, charset)


def read_files(path: Path, *, limit_bytes: int, charset: Any = None) -> list[Record]:
    """The same of a .shp file and those of the same name beside it.

    Raises:
        ShapefileError: A file is missing, damaged, or larger.
    """
    content = {}
    for suffix in _FILES:
        beside = path if suffix == ".shp" else path.with_suffix(suffix)
        if not beside.is_file():
            beside = path.with_suffix(suffix.upper())
        if not beside.is_file():
            continue
        if beside.stat().st_size > limit_bytes:
            raise ShapefileError(f"'{beside.name}' is larger than {limit_bytes} bytes")
        content[suffix] = beside.read_bytes()
    return _read(content, charset)


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit_bytes: int) -> bytes:
    with archive.open(member) as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ShapefileError(f"'{member.filename}' is larger than {limit_bytes} bytes")
    return data


def _read(content: Mapping[str, bytes], charset: Any) -> list[Record]:
    for suffix in (".dbf", ".prj"):
        if suffix not in content:
            raise ShapefileError(f"it lacks the {suffix} file")
    named = str(charset or content.get(".cpg", b"utf-8").decode("ascii", "replace")).strip()
    try:
        crs = _system(content[".prj"].decode("utf-8", "replace"))
        rows = list(dbase.rows(content[".dbf"], named))
        geometries = _geometries(content[".shp"], crs)
    except (pyproj.exceptions.ProjError, shapely.errors.ShapelyError, LookupError, ValueError) as error:
        raise ShapefileError(str(error)) from error
    if len(geometries) != len(rows):
        raise ShapefileError(f"the .shp file has {len(geometries)} records, the .dbf file {len(rows)}")
    return [(geometry, row) for geometry, row in zip(geometries, rows, strict=True) if row is not None]


@lru_cache(maxsize=32)
def _system(text: str) -> str:
    """The reference system of a .prj file, in PROJ's own words; reading one takes PROJ tens of milliseconds."""
    found: str = pyproj.CRS.from_wkt(text).to_wkt()
    return found


def _geometries(data: bytes, crs: str) -> list[dict[str, Any] | None]:
    found = shapes.read(data)
    to_lonlat = transformer(crs, WGS84)
    projected = shapely.transform(found, lambda x, y: to_lonlat.transform(x, y), interleaved=False)
    present = projected[~shapely.is_missing(projected)]
    if not np.isfinite(shapely.bounds(present)).all():
        raise ShapefileError("a shape lies outside of its coordinate reference system")
    return [None if item is None else mapping(item) for item in projected]


def write(features: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, bytes]:
    """The files of GeoJSON features, by suffix: .shp, .shx, .dbf, .prj and .cpg.

    Args:
        features: GeoJSON features, whose geometries may have a `crs` as Earth Engine shows it.
        columns: Properties to keep, in this order.

    Raises:
        ApiError: INVALID_ARGUMENT where geometries are of several kinds or projections, or columns would have the
            same name.
    """
    geometries = [feature.get("geometry") for feature in features]
    names = {_crs_name(geometry) for geometry in geometries if geometry}
    if len(names) > 1:
        raise invalid(f"A shapefile has one projection, but the features have {' and '.join(sorted(names))}.")
    found = [shape(geometry) if geometry else None for geometry in geometries]
    kind = _kind([item for item in found if item is not None and not item.is_empty])
    table = dbase.write([feature["properties"] for feature in features], columns)
    files = shapes.write(found, kind, crs_of(names.pop() if names else WGS84))
    return {".shp": files[".shp"], ".shx": files[".shx"], ".dbf": table, ".prj": files[".prj"], ".cpg": b"UTF-8"}


def _crs_name(geometry: Mapping[str, Any]) -> str:
    return str(((geometry.get("crs") or {}).get("properties") or {}).get("name", WGS84))


def _kind(present: Sequence[Any]) -> str:
    given = {item.geom_type for item in present}
    kinds = {_KINDS.get(name, "") for name in given}
    if kinds == {"Point", "MultiPoint"}:
        return "MultiPoint"
    if len(kinds) > 1 or "" in kinds:
        raise invalid(
            f"A shapefile holds one kind of geometry, but the features have {', '.join(sorted(given))}. Export each "
            "kind by itself, or choose another format."
        )
    return kinds.pop() if kinds else "Point"
