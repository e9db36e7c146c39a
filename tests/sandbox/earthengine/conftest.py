import json
import os
import urllib.request
import uuid

import pytest
from google.auth.credentials import AnonymousCredentials

from tests.sandbox.earthengine.operations import finished, succeeded


@pytest.fixture(scope="session")
def ee(sandbox):
    """The real client, initialized against the sandbox by its environment alone."""
    import ee as client

    before = dict(os.environ)
    os.environ.update(sandbox.environment)
    client.Initialize(AnonymousCredentials(), project="sandbox")
    client.data.setMaxRetries(0)
    yield client
    client.Reset()
    os.environ.clear()
    os.environ.update(before)


def admin(sandbox, path, body=None, method=None):
    """Calls the sandbox's own interface: POST where there is a body, else GET or what is asked for."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{sandbox.port}/_sandbox/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-Sandbox": "1", "Content-Type": "application/json"},
        method=method,
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=300) as answer:
        return json.load(answer)


@pytest.fixture
def call_admin(sandbox):
    return lambda path, body=None, method=None: admin(sandbox, path, body, method)


@pytest.fixture
def landsat(sandbox, ee):
    """Asset id of the real Landsat scene; another test may have reset the sandbox, so it is asked for each time."""
    admin(sandbox, "earthengine/seed", {"names": ["north_carolina"]})
    return "projects/sandbox/assets/north_carolina/landsat7_2000"


@pytest.fixture
def folder(ee):
    """A fresh folder of assets."""
    name = f"projects/sandbox/assets/test_{uuid.uuid4().hex}"
    ee.data.createFolder(name)
    return name


@pytest.fixture
def bucket(sandbox):
    """A fresh bucket of Cloud Storage."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    (sandbox.home / "storage" / name).mkdir(parents=True)
    return name


@pytest.fixture
def completed(ee):
    """Waits for a task of the client and gives its addresses; a task that fails fails the test."""

    def wait(task):
        task.start()
        return succeeded(finished(ee, task.name))["destinationUris"]

    return wait
