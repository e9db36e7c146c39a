import datetime
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from earthline_sandbox.gateway.authority import DOMAINS, Authority


def test_key_is_private_and_certificate_is_constrained(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    assert stat.S_IMODE(authority.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(authority.key_file.parent.stat().st_mode) == 0o700
    certificate = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes())
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = {str(name.value) for name in constraints.value.permitted_subtrees or ()}
    assert permitted == {*DOMAINS, "127.0.0.0/8"}
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    lasts = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert lasts > datetime.timedelta(days=3000)


def test_authority_is_kept_between_starts_and_leaks_no_key(tmp_path: Path) -> None:
    first = Authority(tmp_path)
    pem = first.certificate_file.read_bytes()
    first.context("storage.googleapis.com")
    second = Authority(tmp_path)
    assert second.certificate_file.read_bytes() == pem
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.key", "ca.pem"]
    assert b"PRIVATE" not in pem


def test_a_key_that_others_could_read_is_closed_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.key_file.chmod(0o644)
    Authority(tmp_path)
    assert stat.S_IMODE(authority.key_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("host", ["example.com", "googleapis.com.example.com", "xgoogleapis.com", ""])
def test_other_names_are_not_signed(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="does not sign"):
        Authority(tmp_path).context(host)


def handshake(
    authority: Authority, server: ssl.SSLContext, name: str, protocols: tuple[str, ...] = ("h2", "http/1.1")
) -> str | None:
    """A client's handshake with `server`; the protocol that was chosen."""
    client = ssl.create_default_context(cafile=str(authority.certificate_file))
    # What Python 3.13 asks of certificates by default.
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.set_alpn_protocols(list(protocols))
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(theirs, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as secured:
            secured.sendall(b"x")
            return secured.selected_alpn_protocol()
    finally:
        ours.close()
        thread.join(10)


@pytest.mark.parametrize(
    "host",
    [
        "storage.googleapis.com",
        "us-central1-aiplatform.googleapis.com",
        "1234567890.us-central1-123456789012.prediction.vertexai.goog",
        f"{'a' * 60}.{'b' * 60}.googleapis.com",
    ],
)
def test_strict_client_accepts_the_leaf(tmp_path: Path, host: str) -> None:
    authority = Authority(tmp_path)
    assert handshake(authority, authority.context(host), host) == "http/1.1"


def test_only_who_speaks_nothing_else_gets_http2(tmp_path: Path) -> None:
    """gRPC clients offer h2 alone; curl and browsers offer it first but mean REST."""
    authority = Authority(tmp_path)
    context = authority.context("storage.googleapis.com")
    assert handshake(authority, context, "storage.googleapis.com", ("h2",)) == "h2"
    assert handshake(authority, context, "storage.googleapis.com", ("h2", "http/1.1")) == "http/1.1"


def test_a_stolen_key_cannot_vouch_for_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setattr("earthline_sandbox.gateway.authority.covers", lambda host: True)
    context = authority.context("bank.example.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        handshake(authority, context, "bank.example.com")


def test_contexts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earthline_sandbox.gateway.authority.CACHED_HOSTS", 3)
    authority = Authority(tmp_path)
    first = authority.context("h0.googleapis.com")
    assert authority.context("h0.googleapis.com") is first
    for number in range(1, 5):
        authority.context(f"h{number}.googleapis.com")
    assert authority.context("h0.googleapis.com") is not first
