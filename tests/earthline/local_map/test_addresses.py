"""Tokens of servers of one's own: whom they go to, and when."""

import pytest
from google.auth.exceptions import DefaultCredentialsError
from google.oauth2 import id_token

from earthline.local_map import addresses
from earthline.local_map.addresses import Address
from earthline.local_map.endpoints import EndpointError

URL = "https://map-1.europe-west4.run.app"


def test_an_identity_token_of_the_servers_own_address_goes_along_by_https_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(addresses.ID_TOKEN, raising=False)
    asked: list[str] = []

    def fetched(request: object, audience: str) -> str:
        asked.append(audience)
        return f"token {len(asked)}"

    monkeypatch.setattr(id_token, "fetch_id_token", fetched)
    address = Address(f"{URL}/v1/predict")
    assert [address._authorization() for _ in range(2)] == [{"Authorization": "Bearer token 1"}] * 2
    # Before it ends another one is fetched.
    monkeypatch.setattr(addresses, "TOKEN_SECONDS", -1.0)
    other = Address(URL)
    assert [other._authorization()["Authorization"] for _ in range(2)] == ["Bearer token 2", "Bearer token 3"]
    assert asked == [URL] * 3
    assert Address("http://127.0.0.1:8080")._authorization() == {} and len(asked) == 3


def test_a_token_may_be_given_and_a_public_server_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(request: object, audience: str) -> str:
        raise DefaultCredentialsError("nobody is signed in")

    monkeypatch.setattr(id_token, "fetch_id_token", none)
    monkeypatch.delenv(addresses.ID_TOKEN, raising=False)
    assert Address(URL)._authorization() == {}
    monkeypatch.setenv(addresses.ID_TOKEN, "mine")
    assert Address(URL)._authorization() == {"Authorization": "Bearer mine"}


def test_the_route_of_predictions_is_taken_or_the_usual_one() -> None:
    assert Address(URL).url == f"{URL}/predict" and Address(f"{URL}/").url == f"{URL}/predict"
    assert Address(f"{URL}/v1/models/x:predict").url == f"{URL}/v1/models/x:predict"
    for wrong in ("ftp://x", "https://", "file:///etc/passwd"):
        with pytest.raises(EndpointError, match="is no address"):
            Address(wrong)
