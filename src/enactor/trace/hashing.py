"""Canonical JSON and the content hash: the identity that dedupe, splits and manifests use."""

import hashlib
import json

from enactor.trace.values import Json

HASH_VERSION = "h1"
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Json) -> str:
    """One text per value: keys sorted, no spaces, UTF-8 as it is, tuples as lists. Raises ValueError for NaN
    and infinities and TypeError for what JSON cannot hold."""
    return _ENCODER.encode(value)


def content_hash(value: Json) -> str:
    """`h1:` and the first 32 hex digits of the SHA-256 of the canonical JSON in UTF-8. The prefix changes
    when the form does, so that hashes of different forms are never compared."""
    data = canonical_json(value).encode("utf-8", "surrogatepass")
    return f"{HASH_VERSION}:{hashlib.sha256(data).hexdigest()[:32]}"
