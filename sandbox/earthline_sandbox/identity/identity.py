"""The account that every client of the sandbox is: its address, its tokens and how they are made.

Tokens are opaque and of this process only in looks: the sandbox accepts any token, or none, as it serves loopback.
"""

import base64
import secrets
import time
from typing import Any

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from earthline_sandbox.settings import Settings

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/earthengine",
    "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/userinfo.email",
    "openid",
)
TOKEN_SECONDS = 3600


class Account:
    """The sandbox's one service account.

    Attributes:
        email: Its address.
        unique_id: Its numeric id.
    """

    def __init__(self, settings: Settings) -> None:
        """Makes the account of a project."""
        self.email = f"sandbox@{settings.project}.iam.gserviceaccount.com"
        self.unique_id = f"1{settings.project_number:0>20}"
        self._key: rsa.RSAPrivateKey | None = None

    def access_token(self) -> dict[str, Any]:
        """A fresh token as OAuth answers it; `expires_in` is in seconds."""
        return {
            "access_token": "ya29.sandbox-" + secrets.token_urlsafe(24),
            "expires_in": TOKEN_SECONDS,
            "token_type": "Bearer",
        }

    def identity_token(self, audience: str) -> str:
        """A JWT for `audience`, signed with a key that lives as long as this process."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "azp": self.unique_id,
            "email": self.email,
            "email_verified": True,
            "exp": now + TOKEN_SECONDS,
            "iat": now,
            "iss": "https://accounts.google.com",
            "sub": self.unique_id,
        }
        header = {"alg": "RS256", "kid": "sandbox", "typ": "JWT"}
        signed = f"{_web_safe(orjson.dumps(header))}.{_web_safe(orjson.dumps(claims))}"
        return f"{signed}.{_web_safe(self.sign(signed.encode()))}"

    def sign(self, data: bytes) -> bytes:
        """A signature (RSASSA-PKCS1-v1_5, SHA-256), as iamcredentials' signBlob makes it."""
        return self._private_key().sign(data, padding.PKCS1v15(), hashes.SHA256())

    def public_key_pem(self) -> str:
        """The public half of the signing key."""
        return (
            self._private_key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def _private_key(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._key


def _web_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
