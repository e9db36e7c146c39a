"""GeoJSON features as an ESRI shapefile: .shp, .shx, .dbf, .prj and .cpg.

As Earth Engine's exports, it has one kind of geometry and one projection, and column names of at most ten characters
(https://developers.google.com/earth-engine/guides/exporting_tables).
"""

import json
import re
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import pyproj
import shapely
from shapely.geometry import shape
from shapely.geometry.polygon import orient

from earthline_sandbox.earthengine.formats.shapefiles import CODE, LINE, MULTIPOINT, NULL, POINT, POLYGON
from earthline_sandbox.earthengine.pixels.grid import WGS84, crs_of
from earthline_sandbox.errors import invalid

_KINDS = {
    "Point": POINT,
    "MultiPoint": MULTIPOINT,
    "LineString": LINE,
    "LinearRing": LINE,
    "MultiLineString": LINE,
    "Polygon": POLYGON,
    "MultiPolygon": POLYGON,
}
_NAME_LENGTH = 10
_TEXT_BYTES = 254
_INTEGER_WIDTH = 20
_NUMBER_WIDTH = 24


def write(features: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dict[str, bytes]:
    """The files, by suffix.

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
    shapes = [shape(geometry) if geometry else None for geometry in geometries]
    present = [item for item in shapes if item is not None and not item.is_empty]
    kind = _kind(present)
    records = [struct.pack("<i", NULL) if item is None or item.is_empty else _record(item, kind) for item in shapes]
    bounds = shapely.total_bounds(present) if present else [0.0] * 4
    crs: pyproj.CRS = crs_of(names.pop() if names else WGS84)
    body, index = _framed(records)
    return {
        ".shp": _header(kind, bounds, len(body)) + body,
        ".shx": _header(kind, bounds, len(index)) + index,
        ".dbf": _dbf([feature["properties"] for feature in features], columns),
        ".prj": crs.to_wkt("WKT1_ESRI").encode(),
        ".cpg": b"UTF-8",
    }


def _crs_name(geometry: Mapping[str, Any]) -> str:
    return str(((geometry.get("crs") or {}).get("properties") or {}).get("name", WGS84))


def _kind(shapes: Sequence[Any]) -> int:
    kinds = {item.geom_type for item in shapes}
    numbers = {_KINDS.get(name, -1) for name in kinds}
    if numbers == {POINT, MULTIPOINT}:
        return MULTIPOINT
    if len(numbers) > 1 or -1 in numbers:
        raise invalid(
            f"A shapefile holds one kind of geometry, but the features have {', '.join(sorted(kinds))}. Export each "
            "kind by itself, or choose another format."
        )
    return numbers.pop() if numbers else NULL


def _header(kind: int, bounds: Any, size: int) -> bytes:
    box = [float(value) for value in bounds]
    return CODE + struct.pack(">6i", *[0] * 5, (100 + size) // 2) + struct.pack("<2i8d", 1000, kind, *box, *[0.0] * 4)


def _framed(records: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Records with their heads, and the index of them; positions and lengths count in words of two bytes."""
    body, index = bytearray(), bytearray()
    for number, record in enumerate(records, start=1):
        index += struct.pack(">2i", (100 + len(body)) // 2, len(record) // 2)
        body += struct.pack(">2i", number, len(record) // 2) + record
    return bytes(body), bytes(index)


def _record(item: Any, kind: int) -> bytes:
    if kind == POINT:
        return struct.pack("<i2d", POINT, item.x, item.y)
    box: bytes = struct.pack("<4d", *item.bounds)
    if kind == MULTIPOINT:
        points = shapely.get_coordinates(item).astype("<f8")
        return b"".join([struct.pack("<i", kind), box, struct.pack("<i", len(points)), points.tobytes()])
    parts = list(getattr(item, "geoms", [item]))
    if kind == POLYGON:
        # Outlines run clockwise and holes the other way: that is how a reader tells them apart.
        turned = [orient(part, -1.0) for part in parts]
        parts = [ring for part in turned for ring in (part.exterior, *part.interiors)]
    lines = [shapely.get_coordinates(part) for part in parts]
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]
    head = [struct.pack("<i", kind), box, struct.pack("<2i", len(lines), sum(map(len, lines)))]
    return b"".join(
        [*head, struct.pack(f"<{len(starts)}i", *starts), *(line.astype("<f8").tobytes() for line in lines)]
    )


def _dbf(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    short: dict[str, str] = {}
    for name in columns:
        cut = re.sub(r"\W", "_", name)
        while len(cut.encode()) > _NAME_LENGTH:
            cut = cut[:-1]
        if cut in short:
            raise invalid(
                f"A shapefile's column names have at most {_NAME_LENGTH} characters: '{short[cut]}' and '{name}' would "
                "be the same. Rename one, or choose by 'selectors'."
            )
        short[cut] = name
    fields = [_Field(cut, [row.get(name) for row in rows]) for cut, name in short.items()]
    width = 1 + sum(field.width for field in fields)
    head = struct.pack("<4B", 3, 80, 1, 1) + struct.pack("<IHH20x", len(rows), 33 + 32 * len(fields), width)
    lines = [b" " + b"".join(field.cells[number] for field in fields) for number in range(len(rows))]
    return head + b"".join(field.descriptor for field in fields) + b"\r" + b"".join(lines) + b"\x1a"


class _Field:
    """One column: whole numbers where all are, else numbers, else text."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        found = [value for value in values if value is not None]
        if found and all(isinstance(value, int) and len(str(int(value))) <= _INTEGER_WIDTH for value in found):
            kind, self.width, texts = b"N", _INTEGER_WIDTH, [_shown(value, str) for value in values]
        elif found and all(isinstance(value, int | float) for value in found):
            kind, self.width = b"F", _NUMBER_WIDTH
            texts = [_shown(value, lambda number: repr(float(number))) for value in values]
        else:
            kind, texts = b"C", [_shown(value, _text) for value in values]
        cells = [text.encode() for text in texts]
        if kind == b"C":
            cells = [cell[:_TEXT_BYTES].decode(errors="ignore").encode() for cell in cells]
            self.width = max(1, *map(len, cells)) if cells else 1
            self.cells = [cell.ljust(self.width) for cell in cells]
        else:
            self.cells = [cell.rjust(self.width) for cell in cells]
        decimals = 15 if kind == b"F" else 0
        self.descriptor = struct.pack("<11sc4xBB14x", name.encode(), kind, self.width, decimals)


def _shown(value: Any, form: Any) -> str:
    if value is None:
        return ""
    return str(form(int(value) if isinstance(value, bool) else value))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
