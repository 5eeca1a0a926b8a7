"""An S3 server over HTTP: moto's, behind a judge of presigned URLs, which moto itself lets pass whatever they say."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote

ACCESS_KEY_ID = "somebody"
SECRET = "something secret"  # noqa: S105


class S3Server:
    """Serves on a free port of this machine until it is stopped; its buckets are in memory.

    Presigned requests are judged as AWS describes Signature Version 4 with query parameters: 403 unless the signature
    is over this very request, and 403 once it has expired by a clock that tests may put forward.
    """

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server

        self.ahead_s = 0.0
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
        if "X-Amz-Signature" in query and not self._is_genuine(environ, query):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"SignatureDoesNotMatch"]
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer

    def _is_genuine(self, environ: Mapping[str, Any], query: dict[str, str]) -> bool:
        presented = query.pop("X-Amz-Signature")
        signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        in_time = time.time() + self.ahead_s < signed_at + int(query["X-Amz-Expires"])
        names = query["X-Amz-SignedHeaders"].split(";")
        request = "\n".join(
            [
                environ["REQUEST_METHOD"],
                quote(environ["PATH_INFO"]),
                "&".join(sorted(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query.items())),
                *(f"{name}:{_header(environ, name).strip()}" for name in names),
                "",
                ";".join(names),
                "UNSIGNED-PAYLOAD",
            ]
        )
        scope = query["X-Amz-Credential"].partition("/")[2]
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = f"AWS4{SECRET}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        to_sign = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], scope, digest])
        return in_time and hmac.compare_digest(hmac.digest(key, to_sign.encode(), "sha256").hex(), presented)


def _header(environ: Mapping[str, Any], name: str) -> str:
    variable = name.upper().replace("-", "_")
    return str(environ.get(variable if name in ("content-type", "content-length") else f"HTTP_{variable}", ""))
