"""The connection to Vertex AI: where it leads, what it refuses, and that it keeps quiet."""

import json
import sys
from typing import Any

import pytest

from earthline.config import ConfigError
from earthline.vertex.connection import connect

SCRIPT = """
import json, sys
from google.cloud import aiplatform
from earthline.vertex.connection import connect

connect("sandbox", "europe-west4", quiet=json.loads(sys.argv[1]))
endpoint = aiplatform.Endpoint.create(display_name="connection-test")
sys.stderr.write(endpoint.resource_name)
endpoint.delete()
"""


@pytest.mark.parametrize("quiet", [True, False])
def test_it_leads_to_project_and_location_and_is_quiet_where_asked(sandbox: Any, quiet: bool) -> None:
    done = sandbox.run([sys.executable, "-c", SCRIPT, json.dumps(quiet)])
    assert "/locations/europe-west4/endpoints/" in done.stderr
    # Standard output belongs to the command: the client writes there what it makes and deletes.
    assert (done.stdout == "") == quiet


@pytest.mark.parametrize(
    ("location", "hint"),
    [
        ("us-centrall", "did you mean us-central1"),
        ("europe-west44", "did you mean europe-west4"),
        ("the moon", "use one such as us-central1 or europe-west4"),
    ],
)
def test_a_location_that_is_none_is_named_by_its_key_with_one_that_is(location: str, hint: str) -> None:
    with pytest.raises(ConfigError) as seen:
        connect("sandbox", location)
    assert str(seen.value).startswith(f"environment.location: '{location}' is no location of Vertex AI; {hint}")
