"""How far test patches lie from training patches, in metres, whatever the CRS counts in."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from components.validate_examples.checks import places
from components.validate_examples.findings import Findings
from earthline.formats.manifest import Manifest


def distances(crs: str, transform: list[float], *, placed: bool = True) -> dict[str, dict[str, float]]:
    """A training patch at the origin, and test patches 10 and 30 pixels east of its edge."""
    corners = {"train": [(0, 0)], "test": [(0, 18), (0, 38)]}
    manifest = Manifest.model_construct(
        placed=placed, patch_shape=(8, 8), grid={"crs": crs, "transform": transform, "shape": [100, 100]}
    )
    statistics: Any = {
        split: SimpleNamespace(sightings=_Sightings(np.array(corner))) for split, corner in corners.items()
    }
    return places.distances(manifest, statistics)


class _Sightings:
    def __init__(self, corner: Any) -> None:
        self.corner = corner

    def __len__(self) -> int:
        return len(self.corner)


def test_metres_feet_and_degrees() -> None:
    metres = distances("EPSG:32632", [10, 0, 6e5, 0, -10, 5e6])
    assert metres == {"test": {"least": 100.0, "median": 200.0}}
    # North Carolina in US survey feet of 12/39.37 m.
    feet = distances("EPSG:2264", [100, 0, 2e6, 0, -100, 7e5])["test"]
    assert feet["least"] == pytest.approx(1000 * 12 / 39.37, abs=0.1)
    # A degree of longitude at 60 degrees north is about half as long as at the equator.
    north = distances("EPSG:4326", [0.001, 0, 10, 0, -0.001, 60])["test"]["least"]
    assert north == pytest.approx(0.01 * 55_800, rel=0.01)


def test_without_places_there_is_no_distance() -> None:
    assert distances("EPSG:32632", [10, 0, 0, 0, -10, 0], placed=False) == {}


@pytest.mark.parametrize(
    ("said", "wrong"), [({"test": 100.0}, ""), ({"test": 90.0}, "100.0 m"), ({"other": 5.0}, "unknown")]
)
def test_the_manifest_is_believed_only_where_it_is_right(said: dict[str, float], wrong: str) -> None:
    findings = Findings()
    places.check_distances(Manifest.model_construct(apart=said), {"test": {"least": 100.0, "median": 200.0}}, findings)
    assert [wrong in error for error in findings.errors()] == ([True] if wrong else [])
