"""Files that tables are ingested from: CSV, GeoJSON, shapefiles and TFRecords, as GeoJSON features.

Source: https://developers.google.com/earth-engine/guides/table_upload.
"""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from earthline_sandbox.earthengine import computation
from earthline_sandbox.earthengine.formats.shapefiles import ShapefileError, read_archive, read_files
from earthline_sandbox.earthengine.formats.tfrecords import RecordError, Values, decode_example, records
from earthline_sandbox.errors import invalid

#: Largest file, uncompressed, in bytes.
MAX_BYTES = 256 * 2**20
# About what a feature, a property, and a byte of GeoJSON take in memory, in bytes: files of a few kilobytes may hold
# millions of features that have nothing in them.
_FEATURE_BYTES, _PROPERTY_BYTES, _JSON_BYTES = 600, 100, 20
# Python's own limit, 128 KiB a field, is less than an outline of some thousand vertices takes as GeoJSON.
csv.field_size_limit(MAX_BYTES)


def read_table(uri: str, path: Path, source: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The features of one file.

    Args:
        uri: Its address, for messages.
        path: The file.
        source: A REST `TableSource`.

    Raises:
        ApiError: INVALID_ARGUMENT: too large, damaged, or of a format that is not read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise invalid(f"'{uri}' is larger than {MAX_BYTES} bytes.")
    name = path.name.lower()
    try:
        if name.endswith((".tfrecord", ".tfrecord.gz")):
            return [_of_example(decode_example(record), source) for record in records(path, limit_bytes=MAX_BYTES)]
        if name.endswith((".zip", ".shp")):
            read = read_archive if name.endswith(".zip") else read_files
            found = read(path, limit_bytes=MAX_BYTES, charset=source.get("charset"))
            return [_feature(geometry, properties) for geometry, properties in found]
    except RecordError as error:
        raise invalid(f"'{uri}' is not a TFRecord file that can be read: {error}.") from error
    except ShapefileError as error:
        raise invalid(f"'{uri}' is not a shapefile that can be read: {error}.") from error
    text = _text(uri, path, str(source.get("charset") or "utf-8"))
    if name.endswith((".json", ".geojson")):
        return _read_geojson(uri, text)
    if name.endswith(".csv"):
        try:
            return _read_csv(text, source)
        except (ValueError, csv.Error) as error:
            raise invalid(f"'{uri}' has a row that cannot be read: {error}.") from error
    if name.endswith((".dbf", ".shx", ".prj")):
        raise invalid(f"'{uri}': name the .shp file of a shapefile; its .dbf and .prj are found beside it.")
    raise invalid(
        f"'{uri}': tables are ingested from .csv, .geojson, .json, .shp, .zip (shapefile) and .tfrecord files."
    )


def _text(uri: str, path: Path, charset: str) -> str:
    try:
        return path.read_text(encoding=charset)
    except (LookupError, UnicodeDecodeError) as error:
        raise invalid(f"'{uri}' is not text in the charset '{charset}'.") from error


def _read_geojson(uri: str, text: str) -> list[dict[str, Any]]:
    computation.expect(_JSON_BYTES * len(text))
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"'{uri}' is not GeoJSON: {error}.") from error
    features = data.get("features") if isinstance(data, dict) else None
    if not isinstance(features, list) or not all(isinstance(item, dict) for item in features):
        raise invalid(f"'{uri}' is not a GeoJSON FeatureCollection.")
    return [_feature(item.get("geometry"), item.get("properties") or {}) for item in features]


def _read_csv(text: str, source: Mapping[str, Any]) -> list[dict[str, Any]]:
    geometry_column = source.get("primaryGeometryColumn") or ".geo"
    qualifier = str(source.get("csvQualifier") or '"')
    reader = csv.DictReader(io.StringIO(text), delimiter=source.get("csvDelimiter") or ",", quotechar=qualifier)
    features = []
    for row in reader:
        properties = {key: _number(value) for key, value in row.items() if key not in (None, geometry_column)}
        geometry = json.loads(row[geometry_column]) if row.get(geometry_column) else _point(properties, source)
        features.append(_feature(geometry, properties))
    return features


def _of_example(example: Mapping[str, Values], source: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, values in example.items():
        if isinstance(values, np.ndarray):
            numbers = values.tolist()
            properties[name] = numbers[0] if len(numbers) == 1 else numbers
        else:
            texts = [item.decode("utf-8", "replace") for item in values]
            properties[name] = texts[0] if len(texts) == 1 else texts
    return _feature(_point(properties, source), properties)


def _point(properties: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any] | None:
    x = properties.get(source.get("xColumn") or "longitude")
    y = properties.get(source.get("yColumn") or "latitude")
    if isinstance(x, str) and isinstance(y, str) and (x or y):
        raise ValueError(f"'{x}', '{y}' are no coordinates")
    if isinstance(x, int | float) and isinstance(y, int | float):
        return {"type": "Point", "coordinates": [float(x), float(y)]}
    return None


def _feature(geometry: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    computation.spend(_FEATURE_BYTES + _PROPERTY_BYTES * len(properties))
    return {"type": "Feature", "geometry": geometry, "properties": dict(properties)}


def _number(text: Any) -> Any:
    if not text:
        return text
    try:
        whole = int(text)
        return whole if -(2**63) <= whole < 2**63 else float(whole)
    except (TypeError, ValueError, OverflowError):
        try:
            return float(text)
        except (TypeError, ValueError):
            return text
