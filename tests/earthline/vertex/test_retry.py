"""Calls to Vertex AI on a bad day: by the real client, through a network that drops connections, to a busy service."""

import json
import sys
from typing import Any

import pytest

from tests.earthline.vertex.relay import relay

ENDPOINTS = """
import json, logging
import requests
from google.api_core.exceptions import GoogleAPIError
from google.cloud import aiplatform
from earthline.vertex import endpoints, retry
from earthline.vertex.connection import connect

logging.basicConfig(format="%(message)s")
connect("sandbox", "us-central1")
"""
DROPPED = f"""{ENDPOINTS}
print(json.dumps([each.display_name for each in endpoints.named("no-such-endpoint")]))
"""
# The answer of a front end that is busy: https://cloud.google.com/apis/design/errors.
BUSY = """
send = requests.adapters.HTTPAdapter.send

def asked_of(statuses):
    asked = []

    def busy(self, request, **options):
        reply = send(self, request, **options)
        if "aiplatform" in request.url and "/endpoints" in request.url:
            asked.append(request.url)
            if len(asked) <= len(statuses):
                code = statuses[len(asked) - 1]
                body = {"error": {"code": code, "message": f"busy with {code}"}}
                reply.status_code, reply._content = code, json.dumps(body).encode()
        return reply

    requests.adapters.HTTPAdapter.send = busy
    try:
        return len(endpoints.named("no-such-endpoint")), len(asked)
    except GoogleAPIError as error:
        return f"{type(error).__name__}: {error.message}", len(asked)

print(json.dumps([asked_of(statuses) for statuses in CASES]))
"""
FINAL = (400, 403, 404)


def test_a_dropped_connection_is_made_again(sandbox: Any) -> None:
    with relay(sandbox.proxy_port, "aiplatform") as network:
        old, new = f":{sandbox.proxy_port}", f":{network.port}"
        variables = {name: value.replace(old, new) for name, value in sandbox.environment.items() if old in value}
        assert "HTTPS_PROXY" in variables
        network.drops = 2
        done = sandbox.run([sys.executable, "-c", DROPPED], **variables)
    assert json.loads(done.stdout) == []
    assert network.drops == 0
    # Whoever reads the log sees what was waited for.
    assert done.stderr.count("finding the endpoint no-such-endpoint: ") == 2
    assert done.stderr.count("; trying again") == 2


@pytest.fixture(scope="module")
def outcomes(sandbox: Any) -> list[tuple[Any, int]]:
    """What comes of answers, and how often the service was asked: first of a busy one, then of each refusal."""
    cases = [[503, 429], *([code] for code in FINAL)]
    found: list[tuple[Any, int]] = json.loads(sandbox.python(f"{ENDPOINTS}CASES = {cases}\n{BUSY}"))
    return found


def test_a_busy_service_is_asked_again(outcomes: list[tuple[Any, int]]) -> None:
    assert outcomes[0] == [0, 3]


@pytest.mark.parametrize("code", FINAL)
def test_a_refusal_is_final(outcomes: list[tuple[Any, int]], code: int) -> None:
    outcome, asked = outcomes[1 + FINAL.index(code)]
    assert asked == 1
    assert f"busy with {code}" in outcome
