"""Coordinate reference systems (CRSs): by any name that PROJ knows, in the form that Earth Engine takes, or chosen."""

import math
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import CRS, Transformer
from pyproj.enums import WktVersion
from pyproj.exceptions import CRSError

_MODIS_SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
_NAMED_CRS = {"SR-ORG:6974": _MODIS_SINUSOIDAL, "SR-ORG:6842": _MODIS_SINUSOIDAL}
"""What Earth Engine calls the CRS of MODIS products (lpdaac.usgs.gov), which PROJ knows by no code."""
_EARTH_ENGINES = re.compile(r"(EPSG|SR-ORG):[0-9]+", re.ASCII)
"""Codes that Earth Engine takes: https://developers.google.com/earth-engine/guides/projections."""
NORTHERN_LIMIT, SOUTHERN_LIMIT = 84.0, -80.0
"""Latitudes between which UTM is defined."""
POLAR = {"north": "EPSG:3413", "south": "EPSG:3031"}
"""The stereographic CRSs of ice and land data near the poles (NSIDC, SCAR)."""
ZONE_DEGREES = 6.0
WIDEST_IN_ZONE = 12.0
"""Degrees of longitude up to which one UTM zone serves: 6 degrees off its middle, pixels are 0.5 % too large."""
_TORN = 50.0
"""Times that a step may be longer on the map than on the ground; Mercator stretches 11 times at 85 degrees."""
_METRES_PER_DEGREE = 111_195.0


class GridError(ValueError):
    """A CRS that nobody knows, or a region that the grid does not cover; the text says what to do."""


@lru_cache(maxsize=64)
def known_crs(name: str) -> CRS:
    """The CRS of an authority code, WKT, a PROJ string or a name that Earth Engine alone uses.

    Raises:
        GridError: PROJ does not know it.
    """
    try:
        return CRS.from_user_input(_NAMED_CRS.get(name, name))
    except CRSError as error:
        raise GridError(
            f"{shown(name)} is no CRS that PROJ knows; give an EPSG code by `data.crs`, with `data.scale`"
        ) from error


def shown(name: str) -> str:
    """A CRS as it was written, shortened; what is no code stands in quotes."""
    if is_code(name) and ":" in name:
        return name
    return f"'{name if len(name) <= 60 else name[:57] + '...'}'"


def is_code(name: str) -> bool:
    """True for an authority's code such as `EPSG:32633`, False for WKT."""
    return len(name) <= 20 and "[" not in name


def written(name: str) -> str:
    """A CRS in the form that Earth Engine takes: an EPSG code, one of its own codes, or WKT of version 1.

    Args:
        name: Any code, WKT or PROJ string that PROJ knows.

    Raises:
        GridError: PROJ does not know it, it is no CRS of a map, or WKT 1 has no words for it.
    """
    crs = known_crs(name)
    if len(crs.axis_info) != 2 or not (crs.is_projected or crs.is_geographic):
        raise GridError(
            f"{shown(name)} ({crs.name}) is no map projection and no pair of longitude and latitude; use such a "
            "CRS, as EPSG:4326 or the UTM zone of the region"
        )
    if _EARTH_ENGINES.fullmatch(name):
        return name
    code = crs.to_epsg(min_confidence=100)
    if code is not None:
        return f"EPSG:{code}"
    try:
        return str(crs.to_wkt(WktVersion.WKT1_GDAL))
    except CRSError as error:
        raise GridError(
            f"{shown(name)} ({crs.name}) cannot be written as WKT 1, which is what Earth Engine reads; choose a CRS "
            "with an EPSG code, such as the UTM zone of the region"
        ) from error


@dataclass(frozen=True)
class Choice:
    """A CRS that was chosen for a region.

    Attributes:
        crs: In the form that Earth Engine takes.
        told: Which it is and why, in a few words.
        name: As a config may name it.
    """

    crs: str
    told: str
    name: str


@lru_cache(maxsize=64)
def default_crs(west: float, south: float, east: float, north: float) -> Choice:
    """The CRS for a region whose config names none: the UTM zone of its middle, or what serves better than that.

    Args:
        west: Degrees, from -180 to 180.
        south: Degrees.
        east: Degrees; more than 180 where the region goes over the antimeridian.
        north: Degrees.
    """
    longitude, latitude = (west + east) / 2, (south + north) / 2
    longitude = (longitude + 180) % 360 - 180
    for pole, beyond in (("north", latitude > NORTHERN_LIMIT), ("south", latitude < SOUTHERN_LIMIT)):
        if beyond:
            limits = f"UTM ends at {NORTHERN_LIMIT:g} degrees north and {-SOUTHERN_LIMIT:g} degrees south"
            return Choice(POLAR[pole], f"polar stereographic ({POLAR[pole]}): {limits}", POLAR[pole])
    if east - west > WIDEST_IN_ZONE:
        text = f"+proj=laea +lat_0={round(latitude)} +lon_0={round(longitude)} +datum=WGS84 +units=m"
        return Choice(
            written(text),
            f"Lambert's equal-area projection around {round(latitude)} degrees north, {round(longitude)} degrees "
            f"east: the region spans {east - west:.3g} degrees of longitude, too many for one UTM zone",
            text,
        )
    # What PROJ's database says takes longer to look up; zones are 6 degrees wide and their codes in order.
    zone = math.floor((longitude + 180) / ZONE_DEGREES) % 60 + 1
    code = f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"
    name = f"UTM zone {zone}{'N' if latitude >= 0 else 'S'}"
    zones = math.floor((east + 180) / ZONE_DEGREES) - math.floor((west + 180) / ZONE_DEGREES) + 1
    several = "" if zones == 1 else f"; the region touches {zones} zones, this is the one of its middle"
    return Choice(code, f"{name} ({code}){several}", code)


def require_whole(name: str, west: float, south: float, east: float, north: float) -> None:
    """Checks that a CRS is in one piece over a rectangle in degrees.

    Args:
        name: The CRS.
        west: Western edge.
        south: Southern edge.
        east: Eastern edge; more than 180 where the rectangle goes over the antimeridian.
        north: Northern edge.

    Raises:
        GridError: The map is cut there, as most are along the antimeridian.
    """
    crs = known_crs(name)
    if east <= 180 and west >= -180 and crs.is_geographic:
        return
    latitudes = np.clip(np.array([south, (south + north) / 2, north]), -89.9, 89.9)
    longitudes = np.linspace(west, east, 91)
    if not crs.is_geographic:
        to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        x, y = to_crs.transform(*np.meshgrid(longitudes, latitudes))
        unit = crs.axis_info[0].unit_conversion_factor or 1.0
        on_ground = np.diff(longitudes)[np.newaxis] * np.cos(np.radians(latitudes))[:, np.newaxis] * _METRES_PER_DEGREE
        with np.errstate(invalid="ignore"):
            on_map = np.hypot(np.diff(x, axis=1), np.diff(y, axis=1)) * unit
            torn = np.isfinite(on_map) & (on_map > _TORN * on_ground)
        if not torn.any():
            return
    where = "the antimeridian, which the region crosses" if east > 180 else "a meridian inside the region"
    raise GridError(
        f"{shown(name)} is cut along {where}; choose a `data.crs` that is whole there, such as "
        f"'{default_crs(west, south, east, north).name}'"
    )
