"""Tables as files: CSV, GeoJSON and TFRecord of feature collections.

A TFRecord has an Example per feature: numbers and arrays as lists of floats, text as bytes, and no geometry; it is
always one gzip file (https://developers.google.com/earth-engine/guides/tfrecord).
"""

import csv
import gzip
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox.earthengine.tfrecords import Values, encode_example, frame
from sandbox.errors import invalid

FORMATS = {"CSV": "text/csv", "GEO_JSON": "application/json", "TF_RECORD_TABLE": "application/octet-stream"}
EXTENSIONS = {"CSV": ".csv", "GEO_JSON": ".geojson", "TF_RECORD_TABLE": ".tfrecord.gz"}
_MAX_FEATURES = 100_000


def encode(features: Sequence[dict[str, Any]], file_format: str, selectors: Sequence[str] | None) -> bytes:
    """The file of GeoJSON features.

    Args:
        features: As `value:compute` shows them.
        file_format: One of `FORMATS`.
        selectors: Properties to keep, in that order; `.geo` and `system:index` are columns as well. None keeps all.

    Raises:
        ApiError: INVALID_ARGUMENT for another format or too many features.
    """
    check_format(file_format)
    if len(features) > _MAX_FEATURES:
        raise invalid(f"The table has {len(features)} features; at most {_MAX_FEATURES} fit one file here.")
    if file_format == "GEO_JSON":
        kept = [_selected(feature, selectors) for feature in features]
        return json.dumps({"type": "FeatureCollection", "features": kept}).encode()
    if file_format == "TF_RECORD_TABLE":
        return gzip.compress(b"".join(frame(_example(feature, selectors)) for feature in features), mtime=0)
    names = sorted({name for feature in features for name in feature["properties"]})
    columns = list(selectors) if selectors else ["system:index", *names, ".geo"]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for number, feature in enumerate(features):
        row = {**feature["properties"], "system:index": feature.get("id", str(number))}
        row[".geo"] = json.dumps(feature.get("geometry"))
        writer.writerow([_cell(row.get(column)) for column in columns])
    return buffer.getvalue().encode()


def check_format(file_format: str) -> None:
    """Raises INVALID_ARGUMENT for a format that is not written."""
    if file_format not in FORMATS:
        raise invalid(f"Table format '{file_format}' is not supported by the sandbox; use one of {', '.join(FORMATS)}.")


def _example(feature: dict[str, Any], selectors: Sequence[str] | None) -> bytes:
    properties = feature["properties"]
    found: dict[str, Values] = {}
    for name in selectors or properties:
        value = properties.get(name)
        if isinstance(value, str):
            found[name] = [value.encode()]
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            found[name] = [item.encode() for item in value]
        elif value is not None:
            try:
                found[name] = np.asarray(value, dtype="float32").ravel()
            except (TypeError, ValueError) as error:
                raise invalid(
                    f"Property '{name}' of feature '{feature.get('id', '')}' is no number, text or array: a TFRecord "
                    "cannot hold it; leave it out by 'selectors'."
                ) from error
    return encode_example(found)


def _selected(feature: dict[str, Any], selectors: Sequence[str] | None) -> dict[str, Any]:
    if not selectors:
        return feature
    properties = {name: feature["properties"].get(name) for name in selectors if name in feature["properties"]}
    return {**feature, "properties": properties}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | dict | bool) else value
