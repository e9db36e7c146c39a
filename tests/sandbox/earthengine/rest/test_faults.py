import argparse
import time
import urllib.error

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from earthline_sandbox.earthengine.limits import Limits, Rate
from earthline_sandbox.earthengine.rest.faults import KINDS, Faults, Rule
from earthline_sandbox.earthengine.rest.request_log import functions_of, method_of
from earthline_sandbox.errors import ApiError
from earthline_sandbox.lifecycle import commands

URL = "https://earthengine.googleapis.com/v1/projects/sandbox/value:compute"
SUM = {
    "expression": {
        "result": "0",
        "values": {
            "0": {
                "functionInvocationValue": {
                    "functionName": "Number.add",
                    "arguments": {"left": {"constantValue": 40}, "right": {"constantValue": 2}},
                }
            }
        },
    }
}


@pytest.fixture
def faults(call_admin, ee):
    """Makes rules, which end with the test."""
    yield lambda kind, **more: call_admin("earthengine/faults", {"kind": kind, "method": "value:compute", **more})
    call_admin("earthengine/faults", method="DELETE")


@pytest.fixture
def limits(call_admin, ee):
    """Changes limits, which return with the test's end."""
    before = call_admin("earthengine/limits")["limits"]
    yield lambda **values: call_admin("earthengine/limits", values)
    call_admin("earthengine/limits", before)


def compute(**options):
    return requests.post(URL, json=SUM, timeout=30, **options)


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("429", 429, "Too Many Requests"),
        ("503", 503, "unavailable"),
        ("aggregations", 429, "Too many concurrent aggregations."),
        ("memory", 400, "User memory limit exceeded."),
        ("timeout", 400, "Computation timed out."),
    ],
)
def test_a_refusal_reaches_the_client_in_googles_words_and_only_its_method(ee, faults, kind, code, message):
    faults(kind, calls=[2])
    answers = [compute() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, code, 200]
    assert message in answers[1].json()["error"]["message"]
    faults(kind)
    with pytest.raises(ee.EEException, match=message):
        ee.Number(1).add(1).getInfo()
    assert ee.data.listAssets("projects/sandbox/assets")["assets"] is not None


def test_the_clients_own_retries_get_past_a_bad_moment(ee, faults):
    faults("503", times=1)
    ee.data.setMaxRetries(2)
    try:
        assert ee.Number(40).add(2).getInfo() == 42
    finally:
        ee.data.setMaxRetries(0)


def test_connections_break_before_and_within_the_answer(faults, call_admin):
    for kind in ("reset", "truncated"):
        faults(kind, times=1)
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            compute()
        assert compute().json() == {"result": 42}
    entries = call_admin("earthengine/requests?method=value:compute")["requests"]
    assert [entry.get("fault") for entry in entries[-4:]] == ["reset", None, "truncated", None]


def test_answers_come_late_or_slowly(faults):
    faults("stall", times=1, seconds=0.4)
    begun = time.monotonic()
    assert compute().json() == {"result": 42} and time.monotonic() - begun > 0.4
    faults("slow", times=1, seconds=0.4)
    begun = time.monotonic()
    assert compute().json() == {"result": 42} and time.monotonic() - begun > 0.4
    faults("stall", times=1, seconds=30)
    with pytest.raises(requests.Timeout):
        requests.post(URL, json=SUM, timeout=0.5)


def test_chance_repeats_itself_with_its_seed():
    def series(seed):
        rule = Rule.of({"kind": "429", "probability": 0.3, "seed": seed}, 1)
        return [rule.strikes("value:compute") for _ in range(200)]

    assert series(1) == series(1) != series(2)
    assert 30 < sum(series(1)) < 90


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=4) | st.lists(st.integers())))
def test_a_rule_that_cannot_be_is_refused(given_):
    with pytest.raises(ApiError) as caught:
        Faults().add({**given_, "probability": 2})
    assert caught.value.code == 400


def test_the_command_line_makes_shows_and_clears_rules(ee, sandbox, faults):
    shown = sandbox.command("faults", "add", "429", "--method", "value:*", "--calls", "1,3").stdout
    assert "429 on value:*, calls 1,3: struck 0 of 0" in shown
    assert [compute().status_code for _ in range(3)] == [429, 200, 429]
    assert "struck 2 of 3" in sandbox.command("faults").stdout
    assert sandbox.command("faults", "clear").stdout == ""
    refused = sandbox.command("faults", "add", "nonsense", check=False)
    assert refused.returncode == 1 and "Unknown kind of fault 'nonsense'" in refused.stderr
    assert "concurrent" in sandbox.command("limits").stdout


def test_the_log_tells_method_functions_bytes_and_duration(ee, call_admin, landsat):
    call_admin("earthengine/requests", method="DELETE")
    compute()
    ee.Image(landsat).getMapId()
    ee.data.getAsset(landsat)
    entries = call_admin("earthengine/requests")["requests"]
    assert [entry["method"] for entry in entries] == ["value:compute", "maps:create", "assets:get"]
    assert entries[0]["functions"] == ["Number.add"] and entries[1]["functions"] == ["Image.load"]
    assert entries[0]["bytes_in"] > 100 and entries[0]["bytes_out"] == len(b'{"result":42}')
    assert entries[0]["status"] == 200 and 0 < entries[0]["milliseconds"] < 60_000


def test_methods_and_functions_are_named():
    project = "/v1/projects/p"
    for http, path, name in (
        ("POST", "/image:computePixels", "image:computePixels"),
        ("POST", "/assets/a/b:getPixels", "assets:getPixels"),
        ("GET", "/assets/a/b", "assets:get"),
        ("GET", "/assets:listAssets", "assets:listAssets"),
        ("GET", "/maps/x/tiles/1/2/3", "maps.tiles:get"),
        ("GET", "/operations", "operations:list"),
        ("DELETE", "/operations/x", "operations:delete"),
    ):
        assert method_of(http, project + path) == name
    assert method_of("GET", "/$discovery/rest") == "discovery"
    assert functions_of(SUM) == ["Number.add"] and functions_of({"expression": [1, {"a": None}]}) == []


def test_limits_are_settings_with_googles_own_texts(ee, limits):
    limits(value_bytes=100, elements=3)
    with pytest.raises(ee.EEException, match=r"^Computed value is too large\.$"):
        ee.List.repeat(1, 200).getInfo()
    with pytest.raises(ee.EEException, match="Collection query aborted after accumulating over 3 elements"):
        ee.FeatureCollection([ee.Feature(None, {}) for _ in range(4)]).getInfo()
    limits(pixels_side=10)
    grid = {"dimensions": {"width": 11, "height": 1}, "affineTransform": {"scaleX": 1, "scaleY": -1}}
    with pytest.raises(ee.EEException, match=r"Pixel grid dimensions \(11x1\) must be less than or equal to 10\."):
        ee.data.computePixels({"expression": ee.Image(1), "fileFormat": "NUMPY_NDARRAY", "grid": grid})
    limits(requests_per_minute=1)
    with pytest.raises(ee.EEException, match="Too Many Requests"):
        ee.Number(1).add(1).getInfo()


def test_a_limit_that_cannot_be_changes_nothing(call_admin, ee):
    for values in ({"concurrent": 0}, {"concurrent": "9"}, {"nothing": 1}, {"pixels_side": 5, "bands": 1.5}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            call_admin("earthengine/limits", values)
        assert caught.value.code == 400
        caught.value.close()
    assert call_admin("earthengine/limits")["limits"] == Limits().to_json()


def test_a_minute_has_so_many_requests_and_the_next_one_begins_anew():
    now = [0.0]
    rate = Rate(lambda: now[0])
    for _ in range(3):
        rate.take(3)
    now[0] = 59.0
    with pytest.raises(ApiError) as caught:
        rate.take(3)
    assert caught.value.code == 429
    now[0] = 60.0
    rate.take(3)


def test_the_help_names_every_kind():
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers(), argparse.ArgumentParser(add_help=False))
    told = next(action.choices["faults"] for action in parser._actions if action.choices).format_help()
    kinds = " ".join(told.split()).partition("kind ")[2].partition(" options:")[0]
    assert set(kinds.replace(" or ", ", ").split(", ")) == set(KINDS)
