"""Each account's secret for the signatures of its events, derived, so that it needs no storage."""

from __future__ import annotations

import base64
import hashlib
import hmac


def webhook_secret(key: bytes, account_id: str) -> str:
    """Return the secret that an account verifies events with; `key` is the service's own."""
    digest = hmac.digest(key, f"webhook-secret-1:{account_id}".encode(), hashlib.sha256)
    return "whsec_" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
