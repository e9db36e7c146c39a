"""Tables as files: CSV, GeoJSON, KML, KMZ, shapefiles and TFRecord of feature collections.

A TFRecord has an Example per feature: numbers and arrays as lists of floats, text as bytes, and no geometry; it is
always one gzip file (https://developers.google.com/earth-engine/guides/tfrecord).
"""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from earthline_sandbox.earthengine.formats import kml, shapefiles
from earthline_sandbox.earthengine.formats.tfrecords import Values, encode_example, frame
from earthline_sandbox.errors import invalid

#: Media type of the files that can be downloaded, by format; `JSON` is GeoJSON
#: (https://developers.google.com/earth-engine/apidocs/ee-featurecollection-getdownloadurl).
FORMATS = {
    "CSV": "text/csv",
    "GEO_JSON": "application/json",
    "JSON": "application/json",
    "KML": "application/vnd.google-earth.kml+xml",
    "KMZ": "application/vnd.google-earth.kmz",
    "TF_RECORD_TABLE": "application/octet-stream",
}
#: How the name of an exported file ends, by format; a shapefile is several files.
EXTENSIONS = {
    "CSV": ".csv",
    "GEO_JSON": ".geojson",
    "KML": ".kml",
    "KMZ": ".kmz",
    "SHP": ".shp",
    "TF_RECORD_TABLE": ".tfrecord.gz",
}
_MAX_FEATURES = 100_000
_INDEX, _GEOMETRY = "system:index", ".geo"


def encode(features: Sequence[dict[str, Any]], file_format: str, selectors: Sequence[str] | None) -> bytes:
    """The file of GeoJSON features.

    Args:
        features: As `value:compute` shows them.
        file_format: One of `FORMATS`.
        selectors: Properties to keep, in that order; `.geo` and `system:index` are columns as well. None keeps all.

    Raises:
        ApiError: INVALID_ARGUMENT for another format or too many features.
    """
    if file_format not in FORMATS:
        raise invalid(f"Tables cannot be downloaded as '{file_format}' from the sandbox; use {', '.join(FORMATS)}.")
    _check_count(features)
    if file_format in ("GEO_JSON", "JSON"):
        kept = [_selected(feature, selectors) for feature in features]
        return json.dumps({"type": "FeatureCollection", "features": kept}).encode()
    if file_format == "TF_RECORD_TABLE":
        return gzip.compress(b"".join(_example(feature, selectors) for feature in features), mtime=0)
    if file_format in ("KML", "KMZ"):
        names = [name for name in _columns(features, selectors) if name not in (_INDEX, _GEOMETRY)]
        document = kml.write(features, names)
        return document if file_format == "KML" else kml.zipped(document)
    columns = _columns(features, selectors)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for number, feature in enumerate(features):
        row = _row(feature, number)
        row[_GEOMETRY] = json.dumps(feature.get("geometry"))
        writer.writerow([_cell(row.get(column)) for column in columns])
    return buffer.getvalue().encode()


def files(features: Sequence[dict[str, Any]], file_format: str, selectors: Sequence[str] | None) -> dict[str, bytes]:
    """The files of an export, by how their names end; arguments and errors are those of `encode`.

    A shapefile has the selectors' columns, or `system:index` and all properties.
    """
    check_format(file_format)
    if file_format != "SHP":
        return {EXTENSIONS[file_format]: encode(features, file_format, selectors)}
    _check_count(features)
    columns = [name for name in _columns(features, selectors) if name != _GEOMETRY]
    rows = [{**feature, "properties": _row(feature, number)} for number, feature in enumerate(features)]
    return shapefiles.write(rows, columns or [_INDEX])


def check_format(file_format: str) -> None:
    """Raises INVALID_ARGUMENT for a format that is not exported."""
    if file_format not in EXTENSIONS:
        formats = ", ".join(EXTENSIONS)
        raise invalid(f"Table format '{file_format}' is not supported by the sandbox; use one of {formats}.")


def _check_count(features: Sequence[dict[str, Any]]) -> None:
    if len(features) > _MAX_FEATURES:
        raise invalid(f"The table has {len(features)} features; at most {_MAX_FEATURES} fit one file here.")


def _columns(features: Sequence[dict[str, Any]], selectors: Sequence[str] | None) -> list[str]:
    names = sorted({name for feature in features for name in feature["properties"]})
    return list(selectors) if selectors else [_INDEX, *names, _GEOMETRY]


def _row(feature: dict[str, Any], number: int) -> dict[str, Any]:
    return {**feature["properties"], _INDEX: feature.get("id", str(number))}


def record(row: Mapping[str, Any], told: str) -> bytes:
    """The framed Example of one row; numbers become floats.

    Args:
        row: Columns by name: numbers, texts, lists or arrays.
        told: Which feature it is, for errors.

    Raises:
        ApiError: INVALID_ARGUMENT for what a TFRecord cannot hold.
    """
    found: dict[str, Values] = {}
    for name, value in row.items():
        if isinstance(value, str):
            found[name] = [value.encode()]
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            found[name] = [item.encode() for item in value]
        elif value is not None:
            try:
                found[name] = np.asarray(value, dtype="float32").ravel()
            except (TypeError, ValueError) as error:
                raise invalid(
                    f"Property '{name}' of feature '{told}' is no number, text or array: a TFRecord cannot hold it; "
                    "leave it out by 'selectors'."
                ) from error
    return frame(encode_example(found))


def _example(feature: dict[str, Any], selectors: Sequence[str] | None) -> bytes:
    properties = feature["properties"]
    return record({name: properties.get(name) for name in selectors or properties}, str(feature.get("id", "")))


def _selected(feature: dict[str, Any], selectors: Sequence[str] | None) -> dict[str, Any]:
    if not selectors:
        return feature
    properties = {name: feature["properties"].get(name) for name in selectors if name in feature["properties"]}
    return {**feature, "properties": properties}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | dict | bool) else value
