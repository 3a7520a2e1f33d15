"""
Verifies callbacks where they arrive, by Standard Webhooks (``v1`` HMAC-SHA256, ``v1a`` Ed25519).
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union

WebhookVerificationCode = Literal[
    # `webhook-id`, `webhook-timestamp` or `webhook-signature` is absent or empty.
    "missing_header",
    "malformed_timestamp",
    # It was signed longer ago, or further ahead, than the tolerance.
    "too_old",
    "too_new",
    # No signature is one of the given secrets' or keys'.
    "no_match",
    # The signature is right, and the body is no JSON.
    "malformed_body",
    # Your own fault.
    "no_secret",
    "malformed_secret",
    "malformed_options",
]

#: The least key that a MAC is worth anything with; Standard Webhooks wants 24 to 64 bytes.
_MIN_SECRET_BYTES = 16

_Check = Callable[[bytes, bytes], bool]
Secrets = Union[str, Sequence[str]]


class WebhookVerificationError(Exception):
    """The only error that ``verify`` raises. Answer 401, and never act on the body."""

    def __init__(self, code: WebhookVerificationCode, message: str) -> None:
        super().__init__(message)
        self.code: WebhookVerificationCode = code


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    secrets: Secrets,
    *,
    tolerance_s: float = 300.0,
    now: float | None = None,
) -> Any:
    """
    The parsed body of a callback that one of the secrets (``whsec_…``) or public keys (``whpk_…``) signed. ``body`` must be
    what arrived, byte for byte. ``tolerance_s`` is how far ``webhook-timestamp`` may differ from now, either way.
    """
    checks = [_check_of(secret) for secret in _listed(secrets)]
    names = {name.lower(): value for name, value in headers.items()}
    id = _header(names, "webhook-id")
    timestamp = _header(names, "webhook-timestamp")
    signatures = _header(names, "webhook-signature").split(" ")
    _check_time(timestamp, tolerance_s, time.time() if now is None else now)
    content = body.encode() if isinstance(body, str) else body
    if not isinstance(content, (bytes, bytearray)):
        raise WebhookVerificationError("malformed_body", "give the body as it came, as text or bytes")
    signed = f"{id}.{timestamp}.".encode() + content
    if not any(_signed(check, scheme, signatures, signed) for scheme, check in checks):
        raise WebhookVerificationError("no_match", "no signature matches: was the body changed before this?")
    try:
        return json.loads(content)
    except ValueError:
        raise WebhookVerificationError("malformed_body", "the signature is right, but the body is no JSON") from None


def _listed(secrets: Secrets) -> Sequence[str]:
    listed = [secrets] if isinstance(secrets, str) else list(secrets or ())
    if listed:
        return listed
    raise WebhookVerificationError("no_secret", "give a whsec_… secret or a whpk_… key")


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if value:
        return value
    raise WebhookVerificationError("missing_header", f"there is no {name} header")


def _check_time(timestamp: str, tolerance_s: float, now: float) -> None:
    # Every comparison with NaN is false: the replay window would be open for ever.
    if not (math.isfinite(tolerance_s) and tolerance_s >= 0 and math.isfinite(now) and now >= 0):
        raise WebhookVerificationError(
            "malformed_options", "tolerance_s and now must be finite numbers, not below 0"
        )
    if not re.fullmatch(r"[0-9]{1,15}", timestamp):
        raise WebhookVerificationError("malformed_timestamp", "webhook-timestamp is no number of seconds")
    age = math.floor(now) - int(timestamp)
    if age > tolerance_s:
        raise WebhookVerificationError("too_old", f"it was signed {age} s ago")
    if -age > tolerance_s:
        raise WebhookVerificationError("too_new", f"it was signed {-age} s ahead")


def _signed(check: _Check, scheme: str, signatures: Sequence[str], content: bytes) -> bool:
    for signature in signatures:
        kind, _, text = signature.partition(",")
        given = _decoded(text) if kind == scheme else None
        if given is not None and check(given, content):
            return True
    return False


def _check_of(secret: str) -> tuple[str, _Check]:
    # A list of environment variables may hold one that isn't set.
    text = secret if isinstance(secret, str) else ""
    public = text.startswith("whpk_")
    raw = _decoded(text[6 if not public else 5 :]) if public or text.startswith("whsec_") else None
    if raw is None or (len(raw) != 32 if public else len(raw) < _MIN_SECRET_BYTES):
        # The message never shows the secret: it ends up in logs.
        raise WebhookVerificationError(
            "malformed_secret",
            f"expected whsec_ and base64 of at least {_MIN_SECRET_BYTES} bytes, or whpk_ and base64 of 32",
        )
    if public:
        return "v1a", _ed25519(raw)
    return "v1", lambda given, content: hmac.compare_digest(hmac.digest(raw, content, "sha256"), given)


def _ed25519(raw: bytes) -> _Check:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise ImportError("whpk_… keys need the extra: pip install 'ringback[ed25519]'") from error
    key = Ed25519PublicKey.from_public_bytes(raw)

    def check(given: bytes, content: bytes) -> bool:
        try:
            key.verify(given, content)
            return True
        except InvalidSignature:
            return False

    return check


def _decoded(text: str) -> bytes | None:
    try:
        # The padding may be missing, as other verifiers take it.
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
