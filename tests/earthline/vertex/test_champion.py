"""The champion is the model with most traffic on the newest endpoint that serves at all."""

import json
from typing import Any

import pytest

SCRIPT = '''
import json
from dataclasses import asdict
from google.cloud import aiplatform, storage
from earthline.vertex import champion
from earthline.vertex.connection import connect

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
HTTPServer(("127.0.0.1", int(os.environ["AIP_HTTP_PORT"])), Handler).serve_forever()
"""
PLACE = ("sandbox", "us-central1", "champion-test")
told = {}


def upload(name, **options):
    return aiplatform.Model.upload(
        display_name=name, serving_container_image_uri="test:1",
        serving_container_command=["python3", "-c", SERVER],
        serving_container_ports=[8080], serving_container_predict_route="/p", serving_container_health_route="/h",
        **options)


def found():
    return (lambda one: one and asdict(one))(champion.find(*PLACE))


connect(*PLACE[:2])
told["no endpoint"] = found()
empty = aiplatform.Endpoint.create(display_name="champion-test")
told["nothing deployed"] = found()
storage.Client(project="sandbox").bucket("earthline-sandbox").blob("champion-old/weights").upload_from_string("0")
old = upload("champion-old", artifact_uri="gs://earthline-sandbox/champion-old")
new = upload("champion-new", parent_model=old.resource_name)
told["models"] = [f"{one.resource_name.partition('@')[0]}@{one.version_id}" for one in (old, new)]
empty.deploy(old, machine_type="n1-standard-2", traffic_percentage=100)
told["alone"] = found()
empty.deploy(new, machine_type="n1-standard-2", traffic_percentage=30)
told["canary"] = found()
ids = {each.model_version_id: each.id for each in empty.list_models()}
empty.update(traffic_split={ids[old.version_id]: 20, ids[new.version_id]: 80})
told["most"] = found()
aiplatform.Endpoint.create(display_name="champion-test")
told["an empty one is newer"] = found()
told["by name"] = [asdict(champion.get(*PLACE[:2], name)) for name in told["models"]]
told["none"] = champion.get(*PLACE[:2], champion.NONE)
empty.undeploy_all()
told["undeployed"] = found()
old.delete()
told["deleted"] = [asdict(champion.get(*PLACE[:2], name)) for name in told["models"]]
print("TOLD" + json.dumps(told))
'''
URI = "gs://earthline-sandbox/champion-old"


@pytest.fixture(scope="module")
def told(sandbox: Any) -> dict[str, Any]:
    sandbox.command("reset")
    output = sandbox.python(SCRIPT, timeout=240)
    content = json.loads(next(line for line in output.splitlines() if line.startswith("TOLD")).removeprefix("TOLD"))
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("moment", ["no endpoint", "nothing deployed", "undeployed", "none"])
def test_where_nothing_is_deployed_there_is_none(told: dict[str, Any], moment: str) -> None:
    assert told[moment] is None


def test_most_traffic_decides(told: dict[str, Any]) -> None:
    old, new = told["models"]
    assert old != new
    assert told["alone"] == told["canary"] == {"name": old, "artifact_uri": URI}
    assert told["most"] == {"name": new, "artifact_uri": ""}


def test_a_newer_endpoint_without_models_does_not_hide_it(told: dict[str, Any]) -> None:
    assert told["an empty one is newer"] == told["most"]


def test_a_name_leads_to_the_artifacts_for_as_long_as_the_model_is_there(told: dict[str, Any]) -> None:
    old, new = told["models"]
    assert told["by name"] == [{"name": old, "artifact_uri": URI}, {"name": new, "artifact_uri": ""}]
    assert told["deleted"] == [{"name": old, "artifact_uri": ""}, {"name": new, "artifact_uri": ""}]
