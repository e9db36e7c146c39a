"""Deployment against a sandbox: what an endpoint serves before, during and after each attempt, good or bad."""

import json
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from earthline.formats.served.contract import Contract
from earthline.formats.served.references import Reference
from earthline.task.classification.task import Classification

from ..outcomes import outcome as told

SERVER = Path(__file__).parents[1] / "model_server.py"
CONTRACT = Contract(
    bands=("b1", "b2"),
    task=Classification(("low", "middle", "high")).record,
    tile_shape=(16, 24),
    overlap=(4, 8),
    stride=4,
    max_payload_bytes=1_500_000,
)
STEPS = """
import json, sys, threading, time
from pathlib import Path
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import aiplatform
from components.deploy_model import deployment, endpoints, registry, rollback
from components.deploy_model.probe import Probe
from earthline.config import Serving
from earthline.formats.served.contract import Contract
from earthline.formats.served.references import Reference
from pipelines.runs import service
case = json.load(open(sys.argv[1]))
aiplatform.init(project="sandbox", location="us-central1")
folder = Path(case["folder"])
probe = Probe(Contract.read(folder), Reference.read(folder))
labels = {"workflow": "deploy-test"}
def attempt(options, section=None, watched=False, **changes):
    container = {"imageUri": "test:1", "command": ["python3", case["server"], json.dumps(options)],
                 "ports": [{"containerPort": 8080}], "predictRoute": "/predict", "healthRoute": "/health"}
    serving = Serving.model_validate({"machine_type": "n1-standard-4", **changes})
    stop, answered = threading.Event(), set()
    def ask():
        endpoint = endpoints.find("deploy-test")
        while not stop.is_set():
            answered.add(endpoint.predict([probe.reference.instance(0, probe.contract)]).deployed_model_id)
    if watched:
        user = threading.Thread(target=ask)
        user.start()
    model, error = registry.upload("deploy-test", case["uri"], container, labels, "a version"), ""
    try:
        place = endpoints.find_or_create("deploy-test", labels)
        deployment.deploy(model, place, serving, probe, labels)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    if watched:
        stop.set()
        user.join()
    return {"error": error, "version": model.version_id, "answered": sorted(answered)} | state()
def state():
    every = aiplatform.Endpoint.list()
    serving = [each for each in every if each.display_name == "deploy-test"]
    names = {each.id: each.display_name for each in serving[0].list_models()} if serving else {}
    split = serving[0].traffic_split if serving else {}
    return {
        "endpoints": sorted(each.display_name for each in every if each.display_name.startswith("deploy-test")),
        "labels": serving[0].labels if serving else {},
        "ids": {name: key for key, name in names.items()},
        "deployed": {name: split.get(key, 0) for key, name in names.items()},
        "aliases": {key: sorted(each) for key, each in registry.aliases(registry.find("deploy-test")).items()},
    }
good = {"name": "good"}
if case["only"]:
    attempt(case["only"])
    sys.exit()
def served(version):
    api = "https://us-central1-aiplatform.googleapis.com/v1/"
    model = f"{api}{registry.find('deploy-test').resource_name}@{version}"
    endpoint = api + endpoints.find("deploy-test").resource_name
    return service.told({"vertex_model": (model,), "vertex_endpoint": (endpoint,)})
def goes_back_to():
    return rollback.find("deploy-test", "deploy-test", None, "sandbox").model.version_id
outcome = {
    "bad start": attempt({"factor": 2}),
    "first": attempt(good),
    "canary": attempt({"name": "canary"}, traffic_percent=20),
    "canary goes back to": goes_back_to(),
    "canary serves": [served(2), served(3), served(1)],
    "broken": attempt({"factor": 2}, watched=True, traffic_percent=50),
    "second": attempt({"name": "second", "warming": 3}),
    "turns bad": attempt({"starts": case["starts"], "wrong_from": 2}),
    "back": attempt(good, watched=True),
    "again": attempt(good),
    "alone": attempt({"name": "alone"}, keep_previous=0),
}
endpoints.STALE = endpoints.timedelta(0)
aiplatform.Endpoint.create(display_name="deploy-test-staging")
endpoints.find("deploy-test").delete(force=True)
outcome["anew"] = attempt(good)
outcome["stale"] = attempt({"name": "last"})
try:
    endpoints.find_or_create("deploy-test", labels, dedicated=True)
except endpoints.EndpointKindError as problem:
    outcome["other kind"] = str(problem)
place = endpoints.find_or_create("apart-test", labels, dedicated=True)
model = registry.find("deploy-test")
asked = deployment.deploy(model, place, Serving(endpoint_kind="dedicated"), probe, labels)
outcome["dedicated"] = [place.endpoint.gca_resource.dedicated_endpoint_enabled, asked.deployed_id != ""]
print("OUTCOME" + json.dumps(outcome))
"""


def write_prepared(folder):
    """What prepare_saved_model would have left for the model server."""
    folder.mkdir(parents=True, exist_ok=True)
    CONTRACT.write(folder)
    probabilities = runpy.run_path(str(SERVER))["probabilities"]
    random = np.random.default_rng(1)
    image = random.integers(0, 120, (2, 20, 32, 2)).astype(np.float32)
    valid = np.ones((2, 20, 32), np.float32)
    valid[1, :5] = 0
    found = [probabilities(tile[..., 0], tile[..., 1], seen) for tile, seen in zip(image, valid, strict=True)]
    Reference(image, valid, np.stack(found)).write(folder)


@pytest.fixture(scope="module")
def outcome(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deploy")
    prepared = sandbox.home / "storage" / "earthline-sandbox" / "deploy-test"
    write_prepared(prepared)
    case = {
        "folder": str(prepared),
        "uri": "gs://earthline-sandbox/deploy-test",
        "server": str(SERVER),
        "starts": str(folder / "starts"),
        "only": None,
    }
    (folder / "case.json").write_text(json.dumps(case))
    done = sandbox.run([sys.executable, "-c", STEPS, str(folder / "case.json")], timeout=280)
    return told(done) | {"case": case}


def test_a_model_that_never_was_right_leaves_nothing_behind(outcome):
    bad = outcome["bad start"]
    assert bad["error"].startswith("DeploymentError: deploy-test-1 was not put into service, nothing serves")
    assert "differs from the proven SavedModel's" in bad["error"]
    assert bad["endpoints"] == []


def test_the_first_good_model_gets_all_traffic_and_becomes_the_champion(outcome):
    first = outcome["first"]
    assert (first["error"], first["endpoints"]) == ("", ["deploy-test"])
    assert first["deployed"] == {"deploy-test-2": 100}
    assert first["aliases"]["2"] == ["champion", "default"]
    assert first["labels"] == {"workflow": "deploy-test"}


def test_an_endpoint_is_of_the_kind_that_is_asked_for(outcome):
    assert outcome["dedicated"] == [True, True], "the model answered on its own host"
    assert "the endpoint deploy-test is there and shared" in outcome["other kind"]
    assert "write `endpoint_kind: shared`, or give serving.endpoint another name" in outcome["other kind"]


def test_a_canary_gets_its_share_and_the_champion_stays(outcome):
    canary = outcome["canary"]
    assert canary["error"] == ""
    assert canary["deployed"] == {"deploy-test-2": 80, "deploy-test-3": 20}
    assert canary["aliases"]["2"] == ["champion", "default"] and canary["aliases"]["3"] == []


def test_a_broken_model_answers_nobody(outcome):
    broken, before = outcome["broken"], outcome["canary"]
    assert "deploy-test serves as before, 80 % by deploy-test-2, 20 % by deploy-test-3" in broken["error"]
    assert broken["answered"] and set(broken["answered"]) <= set(before["ids"].values())
    for kept in ("deployed", "ids", "endpoints"):
        assert broken[kept] == before[kept], "the staging endpoint is gone and all else as it was"


def test_a_model_that_warms_up_is_waited_for_and_the_old_champion_stays_deployed(outcome):
    second = outcome["second"]
    assert second["error"] == ""
    assert second["deployed"] == {"deploy-test-2": 0, "deploy-test-4": 100}
    assert second["ids"]["deploy-test-2"] == outcome["first"]["ids"]["deploy-test-2"]
    assert second["aliases"]["2"] == ["previous"] and second["aliases"]["4"] == ["champion", "default"]


def test_a_model_that_turns_bad_with_its_traffic_is_taken_back(outcome):
    bad, before = outcome["turns bad"], outcome["second"]
    assert "deploy-test serves as before, 100 % by deploy-test-4" in bad["error"]
    for kept in ("deployed", "ids", "endpoints"):
        assert bad[kept] == before[kept]
    assert {**before["aliases"], "5": []} == bad["aliases"]


def test_going_back_to_an_earlier_model_gives_it_the_traffic_without_an_interruption(outcome):
    back = outcome["back"]
    assert (back["error"], back["version"]) == ("", "2"), "the same files in the same server are the same version"
    assert back["deployed"] == {"deploy-test-2": 100, "deploy-test-4": 0}
    assert back["aliases"]["2"] == ["champion", "default"] and back["aliases"]["4"] == ["previous"]
    assert set(back["answered"]) <= set(back["ids"].values())
    assert outcome["again"] == {**back, "answered": []}, "once more changes nothing"


def test_keep_previous_0_leaves_no_idle_model(outcome):
    assert outcome["alone"]["deployed"] == {"deploy-test-6": 100}
    assert outcome["alone"]["aliases"]["2"] == ["previous"]


def test_a_deleted_endpoint_is_made_anew(outcome):
    assert outcome["anew"]["error"] == "" and outcome["anew"]["deployed"] == {"deploy-test-2": 100}


def test_a_staging_endpoint_that_a_killed_step_left_is_removed(outcome):
    assert "deploy-test-staging" in outcome["anew"]["endpoints"]
    assert outcome["stale"]["endpoints"] == ["deploy-test"]


def test_a_canary_goes_back_to_the_champion(outcome):
    assert outcome["canary goes back to"] == "2"


def test_a_run_is_told_whether_its_model_serves(outcome):
    first, canary, never = outcome["canary serves"]
    assert first == "version 2 of its model gets 80 % of the traffic, version 3 gets 20 %"
    assert canary == "version 3 of its model gets 20 % of the traffic, version 2 gets 80 %"
    assert never.startswith("version 1 of its model does not serve now: ") and "version 2 gets 80 %" in never


def test_a_step_that_is_cancelled_leaves_no_staging_endpoint(sandbox, outcome, tmp_path):
    def endpoints():
        path = "/v1/projects/sandbox/locations/us-central1/endpoints"
        found = sandbox.request("GET", "us-central1-aiplatform.googleapis.com", path).json().get("endpoints", [])
        return {each["displayName"]: each.get("trafficSplit", {}) for each in found}

    def wait_for(state, what):
        deadline = time.monotonic() + 120
        while not state():
            assert process.poll() is None and time.monotonic() < deadline, what
            time.sleep(0.1)

    before = endpoints()
    assert "deploy-test-staging" not in before
    (tmp_path / "case.json").write_text(json.dumps(outcome["case"] | {"only": {"warming": 10**6}}))
    process = subprocess.Popen(
        [sys.executable, "-c", STEPS, str(tmp_path / "case.json")],
        env=sandbox.client_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: endpoints().get("deploy-test-staging"), "the model is on its staging endpoint")
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
    assert endpoints() == before
