"""An upload goes to the disk, not into memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx
import psutil
from cluster import OwnService

UPLOAD_BYTES = 512 * 1024**2
GROWTH_BYTES = 100 * 1024**2
BYTES_PER_S = 125e6  # of a gigabit network: from the same machine more would come than disks take, and wait in Serve
PIECE = b"this is not audio\n" * 4096


def prose(n_bytes: int) -> Iterator[bytes]:
    """Yield a form whose file is refused as soon as it is looked at: only the upload costs anything."""
    yield b'--border\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    began_s = time.monotonic()
    for i in range(n_bytes // len(PIECE)):
        time.sleep(max(began_s + i * len(PIECE) / BYTES_PER_S - time.monotonic(), 0.0))
        yield PIECE
    yield b"\r\n--border--\r\n"


def memory_bytes(process: psutil.Process) -> int:
    """Return a process's resident memory, none once it has ended: a reload of HAProxy leaves the old one to its end."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def test_a_large_upload_does_not_grow_the_ingress_or_the_proxy(service: OwnService) -> None:
    front = [*service.replicas("ingress"), *service.proxies()]
    assert len(front) >= 2
    before = [memory_bytes(process) for process in front]
    peaks, uploaded = list(before), threading.Event()

    def watch() -> None:
        while not uploaded.wait(0.1):
            for i, process in enumerate(front):
                peaks[i] = max(peaks[i], memory_bytes(process))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        response = httpx.post(
            f"{service.url}/v1/transcribe",
            content=prose(UPLOAD_BYTES),
            headers={"Content-Type": "multipart/form-data; boundary=border"},
            timeout=120,
            trust_env=False,
        )
    finally:
        uploaded.set()
        watcher.join()
    assert response.json()["error_code"] == "UNSUPPORTED_FORMAT"
    grown = {process.name(): peak - start for process, start, peak in zip(front, before, peaks, strict=True)}
    assert max(grown.values()) < GROWTH_BYTES, grown
