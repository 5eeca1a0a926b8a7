"""An OpenID Connect issuer on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "hark-tests"


@dataclass(kw_only=True)
class Issuer:
    """Publishes one key; signs with it, or with what a test hands it."""

    url: str
    key: rsa.RSAPrivateKey = field(repr=False)

    def claims(self, subject: str, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600}
        return {**usual, "email": f"{subject}@example.org", **changes}

    def token(self, subject: str, *, key: rsa.RSAPrivateKey | None = None, **changes: Any) -> str:
        return jwt.encode(self.claims(subject, **changes), key or self.key, "RS256", headers={"kid": "one"})

    def unsigned(self, subject: str) -> str:
        """Return a token with `alg` none: three parts, of which the last is empty."""
        return jwt.encode(self.claims(subject), None, "none", headers={"kid": "one"})  # type: ignore[arg-type]


def new_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    key = new_rsa_key()
    published = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "one", "use": "sig"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
            answers: dict[str, Any] = {
                "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
                "/keys": {"keys": [published]},
            }
            body = json.dumps(answers.get(self.path, {})).encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Issuer(url=f"http://127.0.0.1:{server.server_port}", key=key)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
