"""The file that a launcher leaves of what it began, whatever is in it."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earthline_sandbox.settings import Home, Settings
from earthline_sandbox.vertex.pipelines import launched
from earthline_sandbox.vertex.rest.store import Store

PLACE = "projects/1/locations/us-central1"
HOST = "https://us-central1-aiplatform.googleapis.com/v1"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A sandbox with a failed job, a failed operation and a job that goes on."""
    found = Settings(Home(tmp_path), 1)
    store = Store(found.home.vertex / "records")
    store.put(f"{PLACE}/customJobs/1", {"error": {"code": 3, "message": "no labels"}})
    store.put(f"{PLACE}/operations/2", {"error": {"code": 9, "message": "no weights"}})
    store.put(f"{PLACE}/customJobs/3", {"state": "JOB_STATE_RUNNING"})
    return found


def outputs(home: Settings, content: bytes) -> dict[str, object]:
    file = home.home.root / "gcp_resources"
    file.write_bytes(content)
    return {"parameters": {"gcp_resources": {"outputFile": str(file)}}}


def resources(*names: str) -> bytes:
    return json.dumps({"resources": [{"resourceUri": f"{HOST}/{name}"} for name in names]}).encode()


def test_jobs_and_operations_give_their_reasons(home: Settings) -> None:
    content = resources(
        f"{PLACE}/customJobs/1", f"{PLACE}/customJobs/3", f"{PLACE}/customJobs/4", f"{PLACE}/models/5/operations/2"
    )
    assert launched.failures(home, outputs(home, content)).splitlines() == [
        f"{PLACE}/customJobs/1: no labels",
        f"{PLACE}/operations/2: no weights",
    ]


def test_a_task_without_such_a_file_began_nothing(home: Settings) -> None:
    assert launched.failures(home, {}) == ""
    assert launched.failures(home, {"parameters": {"gcp_resources": {"outputFile": "/none/such"}}}) == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=40)
    | st.text(max_size=40).map(lambda text: resources(text, f"projects/{text}/locations/{text}/{text}/1"))
    | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
        lambda value: json.dumps({"resources": value}).encode()
    )
)
def test_any_content_is_read_without_a_fault(home: Settings, content: bytes) -> None:
    assert launched.failures(home, outputs(home, content)) == ""
