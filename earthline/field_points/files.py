"""Points as files to take along: GeoJSON for a GIS program or a phone, CSV for a table and for the config's labels."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from earthline.field_points.points import Point

LABEL = "label"
"""Column to fill in."""


def write(points: Sequence[Point], stem: Path, names: Mapping[int, str]) -> tuple[Path, Path]:
    """Writes both files.

    Args:
        points: In their order.
        stem: Path without an ending.
        names: Of the map's classes, by class id; empty where it tells a value.

    Returns:
        Paths of GeoJSON and CSV.

    Raises:
        OSError: They cannot be written; then neither is.
    """
    records = [_record(number, point, names) for number, point in enumerate(points, start=1)]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [record["longitude"], record["latitude"]]},
            "properties": record,
        }
        for point, record in zip(points, records, strict=True)
    ]
    geojson, table = stem.with_suffix(".geojson"), stem.with_suffix(".csv")
    content = {"type": "FeatureCollection", "features": features}
    rows = io.StringIO(newline="")
    writer = csv.DictWriter(rows, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    texts = {geojson: json.dumps(content, indent=1, ensure_ascii=False) + "\n", table: rows.getvalue()}
    parts = {path: path.with_name(f".{path.name}.part") for path in texts}
    try:
        # Both or none, also where the disk is full: half a file would later pass for somebody's.
        for path, part in parts.items():
            part.write_text(texts[path], encoding="utf-8", newline="")
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return geojson, table


def _record(number: int, point: Point, names: Mapping[int, str]) -> dict[str, Any]:
    mapped: Any = names.get(int(point.mapped), point.mapped) if names else round(point.mapped, 6)
    return {
        "id": number,
        "longitude": round(point.longitude, 7),
        "latitude": round(point.latitude, 7),
        LABEL: "",
        "mapped": mapped,
        "chance": point.chance,
        "x": point.x,
        "y": point.y,
        **{name: round(value, 6) for name, value in point.confidence.items()},
    }
