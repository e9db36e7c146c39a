"""The geometries of shapefiles, which are their .shp and .shx files: read and written by GDAL, through pyogrio.

pyogrio is imported at the first shapefile and not before: with it comes a GDAL of its own, which takes 30 megabytes, or
100 where pandas is installed.
"""

import struct
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from earthline_sandbox.earthengine import computation

CODE = b"\x00\x00\x27\x0a"
"""How every .shp and .shx file begins."""

MOST_PARTS = 50_000
"""Lines or rings of one record. GDAL compares rings pair by pair where they overlap, and no thread runs meanwhile."""

_HEAD = 100
# Lines and polygons of two and three dimensions, with measures and without, and patches.
_IN_PARTS = frozenset({3, 5, 13, 15, 23, 25, 31})
# About what a record of nothing takes in memory, in bytes.
_RECORD_BYTES = 300


class ShapesError(ValueError):
    """A damaged file."""


def read(data: bytes) -> npt.NDArray[np.object_]:
    """The shapes of a .shp file, in its own coordinates; None for a record without one.

    Heights and measures are left out, as Earth Engine has none.

    Args:
        data: The file. Its .shx file is not needed.

    Raises:
        ShapesError: It is damaged.
    """
    index, count = _index(data)
    computation.expect(count * _RECORD_BYTES)
    with tempfile.TemporaryDirectory(prefix="earthengine-shapes-") as folder:
        path = Path(folder) / "shapes.shp"
        path.write_bytes(data)
        path.with_suffix(".shx").write_bytes(index)
        try:
            _, _, found, _ = _pyogrio().raw.read(path, columns=[], force_2d=True)
        except (RuntimeError, ValueError) as error:
            # GDAL's message names the file, which the user does not know; pyogrio adds advice for callers.
            reason = str(error).replace(str(path), "the .shp file").partition(";")[0]
            raise ShapesError(reason) from error
    if found is None:
        return np.full(count, None, dtype=object)
    if len(found) != count:
        raise ShapesError(f"the .shp file has {count} records, of which {len(found)} can be read")
    # Rings that are left open are closed; what cannot be a shape becomes None.
    shapes: npt.NDArray[np.object_] = shapely.from_wkb(found, on_invalid="fix")
    absent = np.array([item is None for item in found], dtype=bool)
    rings = shapely.get_rings(shapes[shapely.get_dimensions(shapes) == 2])
    if (shapely.is_missing(shapes) & ~absent).any() or (shapely.get_num_coordinates(rings) < 4).any():
        raise ShapesError("a line has fewer than two points, or a ring fewer than three")
    return shapes


def write(shapes: Sequence[Any], kind: str, crs: pyproj.CRS) -> dict[str, bytes]:
    """The files of some shapes, by suffix: .shp, .shx and .prj.

    Args:
        shapes: Of one kind, each in one or several parts; None and empty ones become records without a shape.
        kind: `Point`, `MultiPoint`, `LineString` or `Polygon`.
        crs: Of their coordinates.
    """
    kept = np.array([None if shape is None or shape.is_empty else shape for shape in shapes], dtype=object)
    with tempfile.TemporaryDirectory(prefix="earthengine-shapes-") as folder:
        path = Path(folder) / "shapes.shp"
        _pyogrio().raw.write(
            path,
            shapely.to_wkb(kept, output_dimension=2),
            field_data=[],
            fields=[],
            driver="ESRI Shapefile",
            geometry_type=kind,
            promote_to_multi=kind == "MultiPoint",
            crs=crs.to_wkt(),
        )
        return {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".shp", ".shx", ".prj")}


def _pyogrio() -> ModuleType:
    import pyogrio.raw

    # That measures are left out, and that GDAL has turned or closed a ring. Added again by every call, as a filter that
    # is there already only moves to the front: taking it away again would not be safe among threads.
    warnings.filterwarnings("ignore", module="pyogrio")
    module: ModuleType = pyogrio
    return module


def _index(data: bytes) -> tuple[bytes, int]:
    """The .shx file of a .shp file, and how many records it has.

    Every record has been seen whole before GDAL reads any.
    """
    if data[:4] != CODE or len(data) < _HEAD:
        raise ShapesError("the .shp file does not begin as one")
    entries = bytearray()
    at = _HEAD
    while at + 8 <= len(data):
        computation.check()
        size = 2 * struct.unpack_from(">i", data, at + 4)[0]
        if size < 4 or at + 8 + size > len(data):
            raise ShapesError(f"the .shp file ends inside the record at byte {at}")
        if size >= 40 and struct.unpack_from("<i", data, at + 8)[0] in _IN_PARTS:
            parts = struct.unpack_from("<i", data, at + 44)[0]
            if parts > MOST_PARTS:
                raise ShapesError(f"a record has {parts} parts; at most {MOST_PARTS} are read")
        entries += struct.pack(">2i", at // 2, size // 2)
        at += 8 + size
    length = struct.pack(">i", (_HEAD + len(entries)) // 2)
    return data[:24] + length + data[28:_HEAD] + bytes(entries), len(entries) // 8
