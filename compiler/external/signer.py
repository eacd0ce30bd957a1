"""Describe who signs images: the owner of a key, or an identity that needs no key."""

import base64
import binascii
from hashlib import sha256
from typing import NamedTuple


KEY_SERVICES = ("awskms", "azurekms", "gcpkms", "gitlab", "hashivault", "k8s")
"""The schemes of private keys that a service keeps."""


class Signer(NamedTuple):
    """Who signs images. Either the public key is set, or identity and issuer are."""

    public: bytes = b""
    """The public key as PEM."""
    key: str = ""
    """The private key as cosign names it: `env://NAME`, a key service or an absolute path.

    It is empty if images are only verified.
    """
    identity: str = ""
    """An expression of RE2 that the whole identity in a certificate must match."""
    issuer: str = ""
    """The URL of the issuer of the identity."""

    @property
    def label(self) -> str:
        """Return a text for records: the digest of the public key, or the identity."""
        if not self.public:
            return f"{self.identity} ({self.issuer})"
        return f"sha256:{sha256(public_key(self.public) or self.public).hexdigest()}"


def public_key(pem: bytes) -> bytes | None:
    r"""Return the binary form of a public key in PEM; None if the text is not a public key.

    >>> public_key(b"-----BEGIN PUBLIC KEY-----\nQUJD\n-----END PUBLIC KEY-----\n")
    b'ABC'
    """
    _, begin, rest = pem.partition(b"-----BEGIN PUBLIC KEY-----")
    body, end, _ = rest.partition(b"-----END PUBLIC KEY-----")
    if not begin or not end:
        return None
    try:
        return base64.b64decode(b"".join(body.split()), validate=True) or None
    except binascii.Error:
        return None
