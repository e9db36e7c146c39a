"""EECU-seconds as Earth Engine's profiler tells them, and as others published them."""

import json

import pytest
from pydantic import TypeAdapter

from earthline.config import Imagery
from earthline.config.sections.imagery import AnyImagery
from pipelines.cost import eecu
from pipelines.cost.figures import Basis, Figure
from tests.conftest import Sandbox

# As Earth Engine prints one, the first column after a header of its own.
PROFILE = (
    " EECU·s PeakMem Count  Description\n"
    "  0.072     47k    44  (plumbing)\n"
    "  1.500    124k    14  Algorithm Image.reduceRegion\n"
    "   -        59k    12  Loading\n"
)
# The real client on the real wire; what the sandbox does not have, a profiler, answers in its place.
DRIVER = """
import json, os

import ee
import httplib2

from earthline.earth_engine import connection
from earthline.earth_engine.requests.transport import Transport
from pipelines.cost import eecu

connection.connect("sandbox")
without = (*eecu.profiled(ee.Number(40).add(2).getInfo), eecu.seconds(()))
send = Transport._send


def profiling(self, uri, method, body, headers, limit):
    if "Profile.getProfiles" in str(body):
        return httplib2.Response({"status": 200}), json.dumps({"result": os.environ["PROFILE"]}).encode()
    response, content = send(self, uri, method, body, headers, limit)
    if (headers or {}).get("X-Earth-Engine-Computation-Profiling"):
        response["x-earth-engine-computation-profile"] = "an-id"
    return response, content


Transport._send = profiling
answer, ids = eecu.profiled(ee.Number(40).add(2).getInfo)
print(json.dumps({"without": without, "with": (answer, ids, eecu.seconds(ids))}))
"""


def test_the_first_column_of_a_profile_is_summed() -> None:
    assert eecu.of_text(PROFILE) == pytest.approx(1.572)
    assert eecu.of_text("") is None
    # Another form than the known one is not read as nothing spent.
    assert eecu.of_text("Compute\n 3.5\n") is None
    assert eecu.of_text(" EECU·s Count\n") is None


def test_the_profiles_of_requests_are_asked_for_by_the_real_client(sandbox: Sandbox) -> None:
    said = json.loads(sandbox.python(DRIVER, PROFILE=PROFILE))
    assert said["without"] == [42, [], None]  # the sandbox has no profiler, and nothing is made of that
    assert said["with"] == [42, ["an-id"], pytest.approx(1.572)]


def test_what_others_measured_is_a_range_with_its_source() -> None:
    read: TypeAdapter[Imagery] = TypeAdapter(AnyImagery)
    stored = read.validate_python({"image": "projects/p/assets/a", "bands": ["b1"]})
    composed = read.validate_python({"collection": "COPERNICUS/S2_SR_HARMONIZED", "bands": ["B4"], "year": 2021})
    few, much = eecu.published(stored, 3.6e9), eecu.published(composed, 3.6e9)
    assert few.basis == much.basis == Basis.PUBLISHED and "github.com/" in few.note
    assert few.low == much.low < (few.high or 0) < (much.high or 0)


def test_a_run_takes_a_share_of_each_tiers_month() -> None:
    assert eecu.share_of_month(Figure.exact(15), "community") == (0.1, 0.1)
    assert eecu.share_of_month(Figure.unknown("why"), "partner") == (0.0, None)
