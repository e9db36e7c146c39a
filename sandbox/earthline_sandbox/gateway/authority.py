"""The sandbox's own certificate authority: it can vouch for Google's names alone, and its key stays at home."""

import datetime
import ipaddress
import os
import ssl
import tempfile
from collections import OrderedDict
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: Domains below which the authority may sign. A client that trusts it trusts it for nothing else.
DOMAINS = ("googleapis.com", "vertexai.goog", "google.internal", "localhost")
AUTHORITY_DAYS = 3650
LEAF_DAYS = 397
CACHED_HOSTS = 512


class Authority:
    """Signs a certificate for each Google host on demand.

    Attributes:
        certificate_file: PEM of the authority, for clients' `REQUESTS_CA_BUNDLE` and the like.
        key_file: Its private key, mode 0600.
    """

    def __init__(self, folder: Path) -> None:
        """Loads the authority of `folder`, or makes one where there is none, or it ends within a month.

        Args:
            folder: Created with mode 0700.

        Raises:
            ValueError: The files are there and are not a key and a certificate.
        """
        self.certificate_file = folder / "ca.pem"
        self.key_file = folder / "ca.key"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()
        if self.certificate_file.exists() and self.key_file.exists():
            self.key_file.chmod(0o600)
            try:
                key = serialization.load_pem_private_key(self.key_file.read_bytes(), password=None)
                self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            except ValueError as error:
                raise ValueError(f"{folder} holds no authority: remove it and start again ({error})") from None
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError(f"{self.key_file} is not an elliptic-curve key: remove {folder} and start again")
            self._key = key
            if self._certificate.not_valid_after_utc > _now() + datetime.timedelta(days=30):
                return
        self._create()

    def context(self, host: str) -> ssl.SSLContext:
        """The server side of TLS for `host`: HTTP/1.1, and HTTP/2 for clients that speak nothing else; cached.

        Args:
            host: DNS name below one of `DOMAINS`.

        Raises:
            ValueError: The name is not below one of them.
        """
        if not covers(host):
            raise ValueError(f"the sandbox's authority does not sign for {host!r}, only below {DOMAINS}")
        if context := self._contexts.get(host):
            self._contexts.move_to_end(host)
            return context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # gRPC offers h2 alone. Who offers both (curl, browsers, Go) speaks REST, which is served over HTTP/1.1.
        context.set_alpn_protocols(["http/1.1", "h2"])
        # The ssl module loads keys from files alone. A temporary file is made with mode 0600.
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".pem") as file:
            file.write(_private_pem(self._leaf_key) + self._leaf(host) + self.certificate_file.read_bytes())
            file.flush()
            context.load_cert_chain(file.name)
        self._contexts[host] = context
        while len(self._contexts) > CACHED_HOSTS:
            self._contexts.popitem(last=False)
        return context

    def _create(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Earthline sandbox, this machine only")])
        permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in DOMAINS]
        permitted.append(x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")))
        builder = _builder(name, name, self._key.public_key(), AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(authority=True), critical=True)
        builder = builder.add_extension(
            x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True
        )
        subject_key = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(subject_key, critical=False)
        self._certificate = builder.sign(self._key, hashes.SHA256())
        _write(self.key_file, _private_pem(self._key), 0o600)
        _write(self.certificate_file, self._certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _leaf(self, host: str) -> bytes:
        # A common name holds 64 characters at most; clients read the subject's alternative name alone.
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
        builder = _builder(name, self._certificate.subject, self._leaf_key.public_key(), LEAF_DAYS)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=False), critical=True)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(usage, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def covers(host: str) -> bool:
    """Whether `host` is one of `DOMAINS` or below one."""
    return any(host == domain or host.endswith("." + domain) for domain in DOMAINS)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    start = _now() - datetime.timedelta(days=1)  # A clock that is a little behind still accepts it.
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.replace(staging, path)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
