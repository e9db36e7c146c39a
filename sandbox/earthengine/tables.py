"""Tables as files: CSV and GeoJSON of feature collections."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from sandbox.errors import invalid

FORMATS = {"CSV": "text/csv", "GEO_JSON": "application/json"}
_MAX_FEATURES = 100_000


def encode(features: Sequence[dict[str, Any]], file_format: str, selectors: Sequence[str] | None) -> bytes:
    """The file of GeoJSON features.

    Args:
        features: As `value:compute` shows them.
        file_format: `CSV` or `GEO_JSON`.
        selectors: Properties to keep, in that order; `.geo` and `system:index` are columns as well. None keeps all.

    Raises:
        ApiError: INVALID_ARGUMENT for another format or too many features.
    """
    if file_format not in FORMATS:
        raise invalid(f"Table format '{file_format}' is not supported by the sandbox; use one of {', '.join(FORMATS)}.")
    if len(features) > _MAX_FEATURES:
        raise invalid(f"The table has {len(features)} features; at most {_MAX_FEATURES} fit one file here.")
    if file_format == "GEO_JSON":
        kept = [_selected(feature, selectors) for feature in features]
        return json.dumps({"type": "FeatureCollection", "features": kept}).encode()
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


def _selected(feature: dict[str, Any], selectors: Sequence[str] | None) -> dict[str, Any]:
    if not selectors:
        return feature
    properties = {name: feature["properties"].get(name) for name in selectors if name in feature["properties"]}
    return {**feature, "properties": properties}


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, list | dict | bool) else value
