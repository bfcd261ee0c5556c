"""API keys: what a key may do, how its text is made and read, and what is kept of it.

A key's text is ``msl_<id>_<secret>``. The id names it in lists, logs and commands. The secret is 32
random bytes, shown once; only its SHA-256 is kept. Slow hashes (bcrypt, scrypt, Argon2) protect
secrets that people choose, because those can be guessed by trying the likely ones. Of 256 random
bits none is likelier than another: whoever holds the digests would have to try 2^255 of them, so a
slow hash adds nothing and would take milliseconds from every request.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

__all__ = [
    "ADMIN",
    "DESK",
    "LOADER",
    "METRICS",
    "SCOPES",
    "STOREFRONT",
    "Key",
    "digest_of",
    "new_key_text",
    "read_key_text",
]

STOREFRONT: Final = "storefront"
DESK: Final = "desk"
LOADER: Final = "events"
ADMIN: Final = "admin"
METRICS: Final = "metrics"

SCOPES: Final = {
    STOREFRONT: "size advice and return risk",
    DESK: "return review and its outcome",
    LOADER: "live events: what loads orders, deliveries and returns",
    ADMIN: "the models that answer",
    METRICS: "metrics, for the program that collects them",
}
"""Scopes a key can have, and what each lets it ask. None includes another."""

_PREFIX: Final = b"msl"
_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32
_SECRET_LENGTH: Final = 43  # of 32 bytes in URL-safe base 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What is kept of a key.

    Parameters
    ----------
    id
        Ten hexadecimal digits.
    digest
        SHA-256 of the secret.
    name
        What it is for, in the words of whoever made it.
    scopes
        Some of :data:`SCOPES`, in their order.
    created
        Seconds since the epoch, as are the next two.
    expires
        From when it is refused; None for never.
    revoked
        When it was revoked; None where it was not.
    rate, burst
        Most questions a second in the long run, and at once; None where the settings tell.
    replaced_by
        Id of the key that took over.
    """

    id: str
    digest: bytes
    name: str
    scopes: tuple[str, ...]
    created: float
    expires: float | None = None
    revoked: float | None = None
    rate: float | None = None
    burst: float | None = None
    replaced_by: str | None = None

    def state(self, now: float) -> str:
        """Tell ``revoked``, ``expired``, ``replaced`` (it ends soon) or ``active``."""
        if self.revoked is not None:
            return "revoked"
        if self.expires is not None and self.expires <= now:
            return "expired"
        return "replaced" if self.replaced_by is not None else "active"


def new_key_text() -> tuple[str, str, bytes]:
    """Draw a key: its id, its text, and the digest of its secret."""
    name = secrets.token_hex(_ID_BYTES)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    return name, f"{_PREFIX.decode()}_{name}_{secret}", digest_of(secret.encode())


def read_key_text(text: bytes) -> tuple[bytes, bytes] | None:
    """Take a key's text apart: id and secret, or None where it does not look like a key."""
    parts = text.split(b"_", 2)  # the secret may hold further underscores
    if len(parts) != 3 or parts[0] != _PREFIX or len(parts[2]) != _SECRET_LENGTH:
        return None
    return parts[1], parts[2]


def digest_of(secret: bytes) -> bytes:
    """Digest a secret as it is kept."""
    return hashlib.sha256(secret).digest()
