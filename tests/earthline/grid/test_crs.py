"""Any CRS by any name, in Earth Engine's form; and one that fits where none is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from earthline.grid import Grid, GridError, default_crs, known_crs, written

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


@pytest.mark.parametrize("name", ["EPSG:32633", "EPSG:4326", "SR-ORG:6974"])
def test_codes_that_earth_engine_knows_stay(name: str) -> None:
    assert written(name) == name
    assert Grid(name, (1, 0, 0, 0, -1, 0), (1, 1)).to_request()["crsCode"] == name


@pytest.mark.parametrize(
    "name",
    [
        "ESRI:54009",
        "ESRI:102001",
        SINUSOIDAL,
        "+proj=laea +lat_0=5 +lon_0=20 +datum=WGS84",
        CRS.from_user_input("ESRI:54030").to_wkt(),
    ],
)
def test_others_become_wkt_1_that_means_the_same(name: str) -> None:
    text = written(name)
    assert text.startswith("PROJCS[")
    assert written(text) == text
    request = Grid(text, (1, 0, 0, 0, -1, 0), (1, 1)).to_request()
    assert request["crsWkt"] == text and "crsCode" not in request
    one, two = (Transformer.from_crs("EPSG:4326", known_crs(each), always_xy=True) for each in (name, text))
    assert one.transform(-70, 50) == pytest.approx(two.transform(-70, 50), abs=1e-6)


@pytest.mark.parametrize("name", ["urn:ogc:def:crs:EPSG::32633", CRS.from_epsg(32633).to_wkt(), "epsg:32633"])
def test_what_has_an_epsg_code_is_named_by_it(name: str) -> None:
    assert written(name) == "EPSG:32633"


@pytest.mark.parametrize(
    ("name", "words"),
    [("EPSG:999999", "no CRS that PROJ knows"), ("EPSG:5773", "no map projection"), ("EPSG:4978", "no map projection")],
)
def test_what_is_no_map_is_refused(name: str, words: str) -> None:
    with pytest.raises(GridError, match=words):
        written(name)


# Never on the line between two zones, where PROJ gives either or both.
@given(
    st.integers(-179_900, 179_900).map(lambda x: x / 1000 + 0.0005),
    st.integers(-79_000, 83_500).map(lambda y: y / 1000 + 0.0005),
)
def test_the_utm_zone_is_one_that_projs_database_gives(longitude: float, latitude: float) -> None:
    choice = default_crs(longitude - 0.01, latitude - 0.01, longitude + 0.01, latitude + 0.01)
    known = query_utm_crs_info("WGS 84", AreaOfInterest(longitude, latitude, longitude, latitude))
    assert choice.crs in {f"{each.auth_name}:{each.code}" for each in known}
    assert choice.crs in choice.told


@pytest.mark.parametrize(
    ("box", "crs", "told"),
    [
        ((10, 85, 12, 86), "EPSG:3413", "UTM ends at 84"),
        ((10, -86, 12, -85), "EPSG:3031", "UTM ends at 84"),
        ((11.2, 45, 13, 46), "EPSG:32633", "touches 2 zones"),
        ((178, -18, 183, -17), "EPSG:32701", "touches 2 zones"),
    ],
)
def test_edges_of_utm_are_told(box: tuple[float, float, float, float], crs: str, told: str) -> None:
    choice = default_crs(*box)
    assert choice.crs == crs and told in choice.told


def test_a_region_over_many_zones_gets_an_equal_area_map_around_its_middle() -> None:
    choice = default_crs(0, 0, 20, 10)
    assert "Lambert_Azimuthal_Equal_Area" in choice.crs and "too many for one UTM zone" in choice.told
    assert written(choice.name) == choice.crs
