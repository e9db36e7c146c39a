"""Filters of listAssets, in the subset of AIP-160 that Earth Engine's clients write.

Comparisons joined by AND: `properties.x >= 2`, `startTime >= "2019-01-01T00:00:00Z"`, `type = "IMAGE"`,
`name = "…"`, and `intersects("GeoJSON or WKT")`, the GeoJSON with single or escaped quotes.
"""

import json
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import shapely
import shapely.errors
from shapely.geometry import shape

from earthline_sandbox.earthengine.catalogue.assets import StoredAsset
from earthline_sandbox.earthengine.catalogue.ingest import milliseconds
from earthline_sandbox.errors import invalid

Test = Callable[[StoredAsset], bool]

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<intersects>intersects\(\s*"(?P<region>(?:[^"\\]|\\.)*)"\s*\))
    | (?P<key>properties\.(?:"[^"]*"|[\w:.\-]+)|[A-Za-z_]+)\s*(?P<operator>>=|<=|!=|=|>|<|:)\s*
      (?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'=<>!]+)
    )\s*""",
    re.VERBOSE,
)
_JOIN = re.compile(r"AND\s+", re.IGNORECASE)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "=": operator.eq,
    ":": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_TIMES = {
    "starttime": "system:time_start",
    "start_time": "system:time_start",
    "endtime": "system:time_end",
    "end_time": "system:time_end",
}


def parse(text: str) -> Test:
    """The test that a filter means; raises INVALID_ARGUMENT where it cannot be read."""
    tests: list[Test] = []
    at = 0
    while at < len(text.rstrip()):
        if tests:
            joined = _JOIN.match(text, at)
            if joined is None:
                raise invalid(
                    f"Invalid filter at character {at}: '{text[at : at + 40]}'; conditions are joined by AND."
                )
            at = joined.end()
        match = _TOKEN.match(text, at)
        if match is None:
            raise invalid(f"Invalid filter at character {at}: '{text[at : at + 40]}'.")
        tests.append(_test(match))
        at = match.end()
    return lambda asset: all(test(asset) for test in tests)


def page(assets: Sequence[StoredAsset], size: int, token: str, limit: int) -> tuple[Sequence[StoredAsset], str | None]:
    """One page of a list and the token of the next; raises INVALID_ARGUMENT for a token that is none."""
    if token and not token.isdigit():
        raise invalid(f"Invalid pageToken '{token}'.")
    start = int(token or 0)
    end = start + (min(size, limit) if size > 0 else limit)
    return assets[start:end], str(end) if end < len(assets) else None


def _test(match: re.Match[str]) -> Test:
    if match["intersects"]:
        return _intersects(match["region"])
    key, compare, value = match["key"], _OPERATORS[match["operator"]], match["value"]
    quoted = value[0] in "\"'"
    wanted: Any = value[1:-1] if quoted else value
    if not quoted:
        try:
            wanted = float(value)
        except ValueError:
            wanted = value

    if key.startswith("properties."):
        name = key.removeprefix("properties.").strip('"')
        return lambda asset: _compared(asset.record.properties.get(name), compare, wanted)
    if key.lower() in _TIMES:
        moment = milliseconds(str(wanted))
        return lambda asset: _compared(asset.record.properties.get(_TIMES[key.lower()]), compare, moment)
    if key in ("name", "id", "type"):
        return lambda asset: _compared(
            {"name": asset.name, "id": asset.record.id, "type": asset.record.type}[key], compare, wanted
        )
    raise invalid(
        f"Unknown field '{key}' in filter; use properties.*, startTime, endTime, name, id, type, intersects()."
    )


def _compared(found: Any, compare: Callable[[Any, Any], bool], wanted: Any) -> bool:
    if found is None:
        return False
    if isinstance(found, int | float) != isinstance(wanted, int | float):
        found, wanted = str(found), str(wanted)
    return compare(found, wanted)


def _intersects(text: str) -> Test:
    plain = text.replace('\\"', '"')
    try:
        if plain.lstrip().startswith("{"):
            region = shape(json.loads(plain.replace("'", '"')))
        else:
            region = shapely.from_wkt(plain)
    except (ValueError, KeyError, TypeError, shapely.errors.ShapelyError) as error:
        raise invalid(f"Invalid region in filter: '{plain[:60]}' is neither GeoJSON nor WKT.") from error

    def test(asset: StoredAsset) -> bool:
        footprint = asset.record.footprint
        return footprint is not None and bool(shape(footprint).intersects(region))

    return test
