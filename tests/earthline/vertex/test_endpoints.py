"""Endpoints are found by exactly their display name, the newest first."""

import json
from typing import Any

SCRIPT = """
import json
from google.cloud import aiplatform
from earthline.vertex import endpoints
from earthline.vertex.connection import connect

connect("sandbox", "us-central1")
made = [
    aiplatform.Endpoint.create(display_name=name).resource_name
    for name in ("endpoints-test", "endpoints-test-staging", "endpoints-test")
]
connect("sandbox", "europe-west4")
elsewhere = aiplatform.Endpoint.create(display_name="endpoints-test").resource_name
connect("sandbox", "us-central1")
newest = endpoints.find("endpoints-test")
print(json.dumps({
    "made": made,
    "elsewhere": elsewhere,
    "named": [each.resource_name for each in endpoints.named("endpoints-test")],
    "found": newest.resource_name,
    "longer": endpoints.find("endpoints-test-staging").resource_name,
    "begun": [each.resource_name for each in endpoints.named("endpoints")],
    "unknown": endpoints.find("endpoints-test-none"),
}))
"""


def test_endpoints_of_exactly_a_name_come_newest_first(clean_sandbox: Any) -> None:
    told = json.loads(clean_sandbox.python(SCRIPT))
    first, staging, second = told["made"]
    assert told["elsewhere"] not in told["named"]
    assert told["named"] == [second, first]
    assert told["found"] == second
    assert told["longer"] == staging
    assert (told["begun"], told["unknown"]) == ([], None)
