"""Points as files to take along: GeoJSON for a GIS program or a phone, CSV for a table and for the config's labels."""

import csv
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
    geojson.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
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
