"""Unmodified client code in an interpreter of its own, with nothing but the sandbox's environment."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import Sandbox


def test_default_credentials_and_project(sandbox: Sandbox) -> None:
    output = sandbox.python(
        """
import google.auth, google.auth.transport.requests
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
request = google.auth.transport.requests.Request()
credentials.refresh(request)
print(type(credentials).__module__, project, credentials.service_account_email, bool(credentials.token))
import google.oauth2.id_token
print(google.oauth2.id_token.fetch_id_token(request, "https://service.example.com").count("."))
"""
    )
    assert output.splitlines() == [
        "google.auth.compute_engine.credentials sandbox sandbox@sandbox.iam.gserviceaccount.com True",
        "2",
    ]


def test_a_real_user_is_in_the_sandbox_too(sandbox: Sandbox, tmp_path: Path) -> None:
    """Credentials files of a real account lead to tokens of the sandbox, never to Google."""
    folder = tmp_path / ".config" / "earthengine"
    folder.mkdir(parents=True)
    (folder / "credentials").write_text(json.dumps({"refresh_token": "real-refresh-token", "project": "real-project"}))
    output = sandbox.python(
        "import ee; ee.Initialize(project='sandbox'); print(ee.Number(1).add(2).getInfo())", HOME=str(tmp_path)
    )
    assert output == "3\n"
    assert "real-refresh-token" not in (sandbox.home / "sandbox.log").read_text()


def test_earth_engine_needs_no_word_about_the_project(sandbox: Sandbox, tmp_path: Path) -> None:
    output = sandbox.python("import ee; ee.Initialize(); print(ee.data.getProjectConfig()['name'])", HOME=str(tmp_path))
    assert output.startswith("projects/sandbox/")


def test_other_hosts_are_refused_with_the_reason(sandbox: Sandbox) -> None:
    output = sandbox.python(
        """
import requests, urllib.request, urllib.error
try:
    requests.get("https://example.com/", timeout=5)
except requests.exceptions.ProxyError as error:
    print("refused", "403" in str(error))
print(requests.get("http://example.com/", timeout=5).text)
try:
    urllib.request.urlopen("https://pypi.org/", timeout=5)
except OSError as error:
    print(error)
"""
    )
    first, reason, *rest = output.splitlines()
    assert first == "refused True"
    assert "The Earthline sandbox refuses example.com" in reason
    assert "Forbidden by the Earthline sandbox" in rest[-1]


def test_an_unknown_google_host_names_those_that_are_served(sandbox: Sandbox) -> None:
    answer = sandbox.request("GET", "translate.googleapis.com", "/v3/x")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["status"] == "NOT_FOUND"
    assert "translate.googleapis.com" in error["message"]
    assert "storage.googleapis.com" in error["message"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_trusts_the_authority(sandbox: Sandbox) -> None:
    url = "https://cloudresourcemanager.googleapis.com/v1/projects/sandbox"
    done = sandbox.run(["curl", "--silent", "--fail", "--show-error", url])
    assert json.loads(done.stdout)["projectNumber"] == "123456789012"


def test_httpx_trusts_the_authority(sandbox: Sandbox) -> None:
    url = "https://cloudresourcemanager.googleapis.com/v3/projects/sandbox"
    output = sandbox.python(f"import httpx; print(httpx.get('{url}').json()['name'])")
    assert output == "projects/123456789012\n"


def test_httplib2_goes_through_the_proxy(sandbox: Sandbox) -> None:
    # Without PySocks, httplib2 ignores every proxy variable and goes straight to the real host.
    pytest.importorskip("socks")
    url = "https://cloudresourcemanager.googleapis.com/v3/projects/sandbox"
    output = sandbox.python(f"import httplib2; print(httplib2.Http().request('{url}')[0].status)")
    assert output == "200\n"


def test_grpc_by_the_proxy(sandbox: Sandbox) -> None:
    output = sandbox.python(
        """
from google.api_core import exceptions
from google.cloud.resourcemanager_v3 import ProjectsClient
client = ProjectsClient()
print(client.get_project(name="projects/sandbox").name)
try:
    client.get_project(name="projects/no")
except exceptions.PermissionDenied as error:
    print(error.message)
try:
    client.delete_project(name="projects/sandbox", timeout=5)
except exceptions.NotFound as error:
    print(error.message)
"""
    ).splitlines()
    assert output[0] == "projects/123456789012"
    assert "no project 'no'" in output[1]
    assert "DELETE" in output[2]


def test_vertex_by_grpc_and_by_rest(sandbox: Sandbox) -> None:
    output = sandbox.python(
        """
from google.api_core import exceptions
from google.cloud import aiplatform
for transport in ("grpc", "rest"):
    aiplatform.init(project="sandbox", location="us-central1", api_transport=transport)
    print(aiplatform.Model.list(filter='display_name="nothing-of-this-name"'))
    try:
        aiplatform.Model("projects/sandbox/locations/us-central1/models/404")
    except exceptions.NotFound:
        print("NotFound")
"""
    )
    assert output.split() == ["[]", "NotFound"] * 2


def test_earth_engine_initializes_without_a_credentials_file(sandbox: Sandbox, tmp_path: Path) -> None:
    output = sandbox.python(
        "import ee; ee.Initialize(project='sandbox'); print(ee.Number(6).multiply(7).getInfo())", HOME=str(tmp_path)
    )
    assert output == "42\n"


def test_gcsfs_goes_through_the_sandbox(sandbox: Sandbox) -> None:
    output = sandbox.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            """
import os, gcsfs
files = gcsfs.GCSFileSystem()
data = os.urandom(6 << 20)
with files.open("earthline-sandbox/gcsfs/a/b.bin", "wb", block_size=5 << 20) as out:
    out.write(data)
print(files.ls("earthline-sandbox/gcsfs/a"))
print(files.cat("earthline-sandbox/gcsfs/a/b.bin") == data)
print(files.cat_file("earthline-sandbox/gcsfs/a/b.bin", start=10, end=20) == data[10:20])
files.copy("earthline-sandbox/gcsfs/a/b.bin", "earthline-sandbox/gcsfs/c.bin")
print(files.du("earthline-sandbox/gcsfs"))
files.rm("earthline-sandbox/gcsfs", recursive=True)
print(files.exists("earthline-sandbox/gcsfs/c.bin"))
""",
        ]
    )
    assert done_lines(output.stdout) == [
        "['earthline-sandbox/gcsfs/a/b.bin']",
        "True",
        "True",
        str(12 << 20),
        "False",
    ]
    assert "Could not determine bucket type" not in output.stderr


def done_lines(text: str) -> list[str]:
    return text.strip().splitlines()


def test_a_chunked_client_and_keep_alive(sandbox: Sandbox) -> None:
    """One connection, several requests, a body of unknown length."""
    output = sandbox.python(
        """
import requests
session = requests.Session()
url = "https://storage.googleapis.com/upload/storage/v1/b/earthline-sandbox/o?uploadType=media&name=chunked"
print(session.post(url, data=(bytes(1000) for _ in range(100))).json()["size"])
print(len(session.get("https://storage.googleapis.com/earthline-sandbox/chunked").content))
print(session.delete("https://storage.googleapis.com/earthline-sandbox/chunked").status_code)
"""
    )
    assert output.split() == ["100000", "100000", "204"]
