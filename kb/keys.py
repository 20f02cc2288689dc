"""Keys of those who may ask a server, which knows their hashes alone."""

import hashlib
import hmac
import secrets
from collections.abc import Collection


def make_key() -> str:
    return f"kb_{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """Neither slow nor salted: nobody tries all of 2^256 keys, or finds two alike."""
    return hashlib.sha256(key.encode()).hexdigest()


def holder(key: str, hashes: Collection[str]) -> str:
    """The hash of ``key`` where it is one of ``hashes``, else nothing; it takes as long for a key that is nearly right.

    >>> holder("a", [hash_of("b"), hash_of("a")]) == hash_of("a"), holder("", [hash_of("a")])
    (True, '')
    """
    own = hash_of(key)
    return own if sum(hmac.compare_digest(own, one) for one in hashes) else ""
