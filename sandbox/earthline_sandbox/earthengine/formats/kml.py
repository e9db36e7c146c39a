"""GeoJSON features as KML 2.2, plain or zipped: a placemark each, with its properties as extended data.

Source: https://developers.google.com/kml/documentation/kmlreference, and for what Earth Engine writes
https://developers.google.com/earth-engine/guides/exporting_tables: geometries are in degrees whatever their projection.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import shapely
import shapely.geometry

from earthline_sandbox.earthengine.language.coerce import geometry_of_json

_NAMESPACE = "http://www.opengis.net/kml/2.2"
# What XML 1.0 cannot hold, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(features: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> bytes:
    """The document.

    Args:
        features: GeoJSON features; a property `name` or `description` is the placemark's as well.
        columns: Properties to keep, in this order.
    """
    root = ElementTree.Element("kml", xmlns=_NAMESPACE)
    document = ElementTree.SubElement(root, "Document")
    for feature in features:
        properties = feature["properties"]
        placemark = ElementTree.SubElement(document, "Placemark")
        if feature.get("id"):
            placemark.set("id", _text(feature["id"]))
        for name in ("name", "description"):
            if properties.get(name) is not None and name in columns:
                ElementTree.SubElement(placemark, name).text = _text(properties[name])
        data = ElementTree.SubElement(placemark, "ExtendedData")
        for name in columns:
            if properties.get(name) is not None:
                entry = ElementTree.SubElement(data, "Data", name=_text(name))
                ElementTree.SubElement(entry, "value").text = _text(properties[name])
        if feature.get("geometry"):
            _place(placemark, _degrees(feature["geometry"]))
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def zipped(document: bytes) -> bytes:
    """The document as KMZ; equal documents give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("doc.kml"), document, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _degrees(geometry: Mapping[str, Any]) -> Any:
    # Coordinates that are degrees already stay as they are: edges on the globe would gain points.
    return geometry_of_json(geometry).lonlat() if geometry.get("crs") else shapely.geometry.shape(geometry)


def _place(parent: ElementTree.Element, shape: Any) -> None:
    kind = shape.geom_type
    if kind in ("Point", "LineString", "LinearRing"):
        _coordinates(ElementTree.SubElement(parent, kind), shape)
    elif kind == "Polygon":
        polygon = ElementTree.SubElement(parent, "Polygon")
        for side, rings in (("outerBoundaryIs", [shape.exterior]), ("innerBoundaryIs", shape.interiors)):
            for ring in rings:
                boundary = ElementTree.SubElement(polygon, side)
                _coordinates(ElementTree.SubElement(boundary, "LinearRing"), ring)
    else:
        several = ElementTree.SubElement(parent, "MultiGeometry")
        for part in shape.geoms:
            _place(several, part)


def _coordinates(parent: ElementTree.Element, shape: Any) -> None:
    places = shapely.get_coordinates(shape).tolist()
    ElementTree.SubElement(parent, "coordinates").text = " ".join(f"{x!r},{y!r}" for x, y in places)


def _text(value: Any) -> str:
    return _FORBIDDEN.sub("\ufffd", value if isinstance(value, str) else json.dumps(value))
