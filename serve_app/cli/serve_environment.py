"""The environment in which Ray's processes start for the service: Serve's switches and ports of its own."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

# Ray Serve reads these when its processes start; measured on two cores: a call between replicas takes a third of the
# time, and an upload streams through the proxy instead of being kept in memory twice.
SERVE_ENVIRONMENT = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(64 * 1024**2),
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "serve_app.api.middleware:server_middlewares",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",  # HAProxy here learns of a stop at once
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1",  # a log line is worth most when something has just gone wrong
    # Without it every client has the proxy's address, and all anonymous callers share one allowance.
    "RAY_SERVE_HAPROXY_BINARY_PATH": str(Path(sys.executable).with_name("hark-haproxy")),
    "HARK_PROXY_TELLS_CLIENT": "1",
    "RAY_worker_niceness": "5",  # Ray gives 15, below which there is no room for models to give way
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "HF_HUB_OFFLINE": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
}

# Ports of Serve's own, by the variable that moves them. The proxy behind HAProxy shares its port with whoever else asks
# for it: two services on one machine would get each other's requests, so it is never the usual one (0).
OWN_PORTS = {
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": 0,
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": 0,
    "RAY_SERVE_HAPROXY_METRICS_PORT": 9101,
    "RAY_SERVE_HAPROXY_STATS_PORT": 8404,
}


def serve_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what Ray's processes must find in their environment when they start, as far as it is not there."""
    ports = {name: usual for name, usual in OWN_PORTS.items() if name not in environ}
    usual = {name: value for name, value in SERVE_ENVIRONMENT.items() if name not in environ}
    return usual | {name: str(_free_port(port)) for name, port in ports.items()}


def _free_port(usual: int) -> int:
    """Return the usual port if nobody has it, else one that is free now."""
    for port in (usual, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            found: int = probe.getsockname()[1]
            return found
    raise OSError("no port is free")
