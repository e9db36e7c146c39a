"""ESRI shapefiles, zipped or side by side, as GeoJSON geometries and properties.

No library of the dependencies reads vector files. Source: ESRI Shapefile Technical Description, July 1998, and
dBASE III. Heights and measures are left out, as Earth Engine has none.
"""

import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import pyproj
import shapely
from shapely.geometry import MultiPolygon, mapping

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.pixels.grid import transformer

#: Kinds of shapes, by their numbers.
NULL, POINT, LINE, POLYGON, MULTIPOINT = 0, 1, 3, 5, 8
#: How every .shp and .shx file begins.
CODE = b"\x00\x00\x27\x0a"
_MAX_MEMBERS = 100
# About what a row of nothing takes in memory, in bytes: a file may hold millions of them.
_ROW_BYTES = 200


class ShapefileError(ValueError):
    """An archive that holds no shapefile, or a damaged one."""


Record = tuple[dict[str, Any] | None, dict[str, Any]]


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
            files = {PurePosixPath(member.filename).suffix.lower(): member for member in members}
            shapes = [m for m in members if m.filename.lower().endswith(".shp")]
            if len(shapes) != 1:
                raise ShapefileError(f"it holds {len(shapes)} .shp files instead of one")
            content = {suffix: _bounded(archive, member, limit_bytes) for suffix, member in files.items()}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise ShapefileError(str(error)) from error
    return _read(content, charset)


def read_files(path: Path, *, limit_bytes: int, charset: Any = None) -> list[Record]:
    """The same of a .shp file and those of the same name beside it.

    Raises:
        ShapefileError: A file is missing, damaged, or larger.
    """
    content = {}
    for suffix in (".shp", ".dbf", ".prj", ".cpg"):
        beside = path if suffix == ".shp" else path.with_suffix(suffix)
        if not beside.is_file():
            beside = path.with_suffix(suffix.upper())
        if not beside.is_file():
            continue
        if beside.stat().st_size > limit_bytes:
            raise ShapefileError(f"'{beside.name}' is larger than {limit_bytes} bytes")
        content[suffix] = beside.read_bytes()
    return _read(content, charset)


def _read(content: Mapping[str, bytes], charset: Any) -> list[Record]:
    for suffix in (".dbf", ".prj"):
        if suffix not in content:
            raise ShapefileError(f"it lacks the {suffix} file")
    named = str(charset or content.get(".cpg", b"utf-8").decode("ascii", "replace")).strip()
    try:
        crs = _system(content[".prj"].decode("utf-8", "replace"))
        geometries = [_geometry(record, crs) for record in _records(content[".shp"])]
        rows = list(_rows(content[".dbf"], named))
    except (struct.error, pyproj.exceptions.ProjError, shapely.errors.ShapelyError, LookupError, ValueError) as error:
        raise ShapefileError(str(error)) from error
    if len(geometries) != len(rows):
        raise ShapefileError(f"the .shp file has {len(geometries)} records, the .dbf file {len(rows)}")
    return list(zip(geometries, rows, strict=True))


@lru_cache(maxsize=32)
def _system(text: str) -> str:
    """The reference system of a .prj file, in PROJ's own words; reading one takes PROJ tens of milliseconds."""
    found: str = pyproj.CRS.from_wkt(text).to_wkt()
    return found


def _bounded(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit_bytes: int) -> bytes:
    with archive.open(member) as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise ShapefileError(f"'{member.filename}' is larger than {limit_bytes} bytes")
    return data


def _records(data: bytes) -> Iterator[bytes]:
    if data[:4] != CODE:
        raise ShapefileError("the .shp file does not begin as one")
    at = 100
    while at + 8 <= len(data):
        size = 2 * struct.unpack(">i", data[at + 4 : at + 8])[0]
        record = data[at + 8 : at + 8 + size]
        if size < 4 or len(record) != size:
            raise ShapefileError(f"the .shp file ends inside the record at byte {at}")
        yield record
        at += 8 + size


def _geometry(record: bytes, crs: str) -> dict[str, Any] | None:
    # Types of ten and twenty more carry heights and measures after the same coordinates.
    kind = struct.unpack("<i", record[:4])[0] % 10
    if kind == NULL:
        return None
    if kind == POINT:
        shape: Any = shapely.Point(struct.unpack("<2d", record[4:20]))
    elif kind == MULTIPOINT:
        (count,) = struct.unpack("<i", record[36:40])
        shape = shapely.MultiPoint(_points(record, 40, count))
    elif kind in (LINE, POLYGON):
        parts, count = struct.unpack("<2i", record[36:44])
        if parts < 0 or count < 0 or 44 + 4 * parts > len(record):
            raise ShapefileError("a record has more parts than bytes")
        starts = [*struct.unpack(f"<{parts}i", record[44 : 44 + 4 * parts]), count]
        points = _points(record, 44 + 4 * parts, count)
        lines = [points[start:end] for start, end in pairwise(starts)]
        if kind == POLYGON:
            shape = _polygons(lines)
        else:
            shape = shapely.LineString(lines[0]) if len(lines) == 1 else shapely.MultiLineString(lines)
    else:
        raise ShapefileError(f"shapes of type {kind} are not read")
    to_lonlat = transformer(crs, "EPSG:4326")
    projected = shapely.transform(shape, lambda x, y: to_lonlat.transform(x, y), interleaved=False)
    if not all(map(math.isfinite, projected.bounds)):
        raise ShapefileError("a shape lies outside of its coordinate reference system")
    found: dict[str, Any] = mapping(projected)
    return found


def _points(record: bytes, at: int, count: int) -> list[tuple[float, float]]:
    if count < 0 or at + 16 * count > len(record):
        raise ShapefileError("a record has more points than bytes")
    numbers = struct.unpack(f"<{2 * count}d", record[at : at + 16 * count])
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _polygons(rings: list[list[tuple[float, float]]]) -> Any:
    """Rings that run clockwise are outlines, the others holes of the outline that contains them."""
    outer: list[Any] = []
    holes: list[Any] = []
    for ring in map(shapely.LinearRing, rings):
        (holes if ring.is_ccw else outer).append(ring)
    if not outer:
        outer, holes = holes, []
    inside: list[list[Any]] = [[] for _ in outer]
    areas = [shapely.Polygon(ring) for ring in outer]
    smallest = sorted(range(len(outer)), key=lambda number: areas[number].area)
    for hole in holes:
        # An island within a hole has holes of its own, which the outline around both contains as well.
        number = next((n for n in smallest if areas[n].contains(hole)), 0)
        inside[number].append(hole)
    polygons = [shapely.Polygon(ring, found) for ring, found in zip(outer, inside, strict=True)]
    return polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)


def _rows(data: bytes, charset: str) -> Iterator[dict[str, Any]]:
    count, start, size = struct.unpack("<IHH", data[4:12])
    if size < 1 or start + count * size > len(data) + 1:
        raise ShapefileError("the .dbf file is shorter than it says")
    columns: list[tuple[str, str, int]] = []
    at = 32
    while at + 32 <= start and data[at] != 0x0D:
        name = data[at : at + 11].split(b"\0", 1)[0].decode(charset, "replace")
        columns.append((name, chr(data[at + 11]), data[at + 16]))
        at += 32
    for number in range(count):
        computation.spend(_ROW_BYTES)
        row = data[start + number * size : start + (number + 1) * size]
        at, values = 1, {}
        for name, kind, width in columns:
            values[name] = _cell(row[at : at + width], kind, charset)
            at += width
        yield values


def _cell(raw: bytes, kind: str, charset: str) -> Any:
    text = raw.decode(charset, "replace").rstrip("\0 ")
    if kind in "NF":
        try:
            return int(text) if kind == "N" and "." not in text and "e" not in text.lower() else float(text)
        except ValueError:
            return None
    if kind == "L":
        return {"T": 1, "Y": 1, "F": 0, "N": 0}.get(text.strip().upper())
    return text
