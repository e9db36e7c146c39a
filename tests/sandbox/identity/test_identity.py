import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.conftest import Sandbox

METADATA = {"Metadata-Flavor": "Google"}


def metadata(sandbox: Sandbox, path: str, headers: dict[str, str] | None = None) -> Any:
    url = f"/computeMetadata/v1/{path}"
    return sandbox.request("GET", f"127.0.0.1:{sandbox.port}", url, headers=METADATA if headers is None else headers)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("project/project-id", "sandbox"),
        ("project/numeric-project-id", "123456789012"),
        ("instance/service-accounts/default/email", "sandbox@sandbox.iam.gserviceaccount.com"),
        ("instance/service-accounts/", "default/\nsandbox@sandbox.iam.gserviceaccount.com/\n"),
        ("universe/universe-domain", "googleapis.com"),
        ("instance/zone", "projects/123456789012/zones/us-central1-a"),
    ],
)
def test_metadata_values(sandbox: Sandbox, path: str, text: str) -> None:
    answer = metadata(sandbox, path)
    assert answer.status_code == 200
    assert answer.text == text
    assert answer.headers["metadata-flavor"] == "Google"
    assert answer.headers["content-type"].startswith("text/plain")


def test_metadata_asks_for_its_header(sandbox: Sandbox) -> None:
    assert metadata(sandbox, "project/project-id", {}).status_code == 403
    assert metadata(sandbox, "project/nothing").status_code == 404
    token = metadata(sandbox, "instance/service-accounts/default/token").json()
    assert token["expires_in"] > 600
    assert token["token_type"] == "Bearer"


def test_recursive_metadata(sandbox: Sandbox) -> None:
    account = metadata(sandbox, "instance/service-accounts/default/?recursive=true").json()
    assert account["aliases"] == ["default"]
    assert "https://www.googleapis.com/auth/earthengine" in account["scopes"]


def test_identity_token_is_signed_by_the_published_key(sandbox: Sandbox) -> None:
    token = metadata(sandbox, "instance/service-accounts/default/identity?audience=https://a.b").text
    signed, _, signature = token.rpartition(".")
    claims = json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))
    assert claims["aud"] == "https://a.b"
    keys = sandbox.request("GET", "www.googleapis.com", "/oauth2/v1/certs").json()
    key = serialization.load_pem_public_key(keys["sandbox"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_project_by_id_and_number(sandbox: Sandbox) -> None:
    for name in ("sandbox", "123456789012"):
        old = sandbox.request("GET", "cloudresourcemanager.googleapis.com", f"/v1/projects/{name}").json()
        assert (old["projectId"], old["projectNumber"]) == ("sandbox", "123456789012")
        new = sandbox.request("GET", "cloudresourcemanager.googleapis.com", f"/v3/projects/{name}").json()
        assert (new["projectId"], new["name"]) == ("sandbox", "projects/123456789012")
    refused = sandbox.request("GET", "cloudresourcemanager.googleapis.com", "/v1/projects/No!")
    assert refused.status_code == 403
    assert refused.json()["error"]["status"] == "PERMISSION_DENIED"


def test_tokens_for_every_grant(sandbox: Sandbox) -> None:
    for grant in ("refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer", "authorization_code"):
        data = {"grant_type": grant, "refresh_token": "x", "assertion": "a.b.c"}
        answer = sandbox.request("POST", "oauth2.googleapis.com", "/token", data=data)
        assert answer.status_code == 200, grant
        assert answer.json()["access_token"]
    assert sandbox.request("GET", "oauth2.googleapis.com", "/tokeninfo?access_token=x").json()["expires_in"]


def test_bodies_that_are_not_json_are_refused(sandbox: Sandbox) -> None:
    path = "/v1/projects/-/serviceAccounts/sandbox@sandbox.iam.gserviceaccount.com:signBlob"
    for content in (b"{", b"[]", b'{"payload": "!"}'):
        answer = sandbox.request("POST", "iamcredentials.googleapis.com", path, content=content)
        assert answer.status_code == 400, content
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    good = sandbox.request("POST", "iamcredentials.googleapis.com", path, json={"payload": "eA=="})
    assert base64.b64decode(good.json()["signedBlob"])
