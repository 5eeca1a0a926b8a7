"""The process of OpenVINO's pipeline, from the side of those who ask it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any, cast

from serve_app.errors import ModelUnavailable

_LOAD_S = 300.0
_END_S = 10.0

Hear = Callable[[Mapping[str, Any]], None]


class OpenVinoProcess:
    """Starts openvino_worker and gives it orders; what it says of each goes to who gave it, on a thread.

    Raises ModelUnavailable when the model cannot be loaded. The last thing heard of an order is `over` or `failed`.
    """

    def __init__(self, **options: Any) -> None:
        command = [sys.executable, "-m", "deployments.engines.openvino_worker", json.dumps(options)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own
        too_long = threading.Timer(_LOAD_S, self._process.kill)
        too_long.start()
        self._orders, self._news = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        ready = self._news.readline()
        too_long.cancel()
        if not ready:
            self._process.kill()
            raise ModelUnavailable("OpenVINO could not load the language model; its reason is in the log.")
        self._hearing: dict[int, Hear] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        # A pipe's buffer is smaller than a long prompt, and the other side reads between two steps only.
        self._writing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openvino-orders")
        self._listener = threading.Thread(target=self._listen, name="openvino-news", daemon=True)
        self._listener.start()

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def order(self, number: int, order: Mapping[str, Any], hear: Hear) -> None:
        """Ask for an answer under a number of its own."""
        with self._lock:
            self._hearing[number] = hear
        if self._ended.is_set():
            self._told({"id": number, "failed": "ended"})
            return
        self._write({"id": number, **order})

    def cancel(self, number: int) -> None:
        """Have an answer stopped that nobody wants any more; of one that is over nothing is stopped."""
        self._write({"id": number, "cancel": True})

    def close(self) -> None:
        """End the process and whatever it is doing."""
        self._process.kill()
        self._writing.shutdown(cancel_futures=True)
        self._process.wait(_END_S)
        self._listener.join(_END_S)

    def _write(self, message: Mapping[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"

        def write() -> None:
            with suppress(OSError):  # it has ended, and the listener tells everybody
                self._orders.write(line)
                self._orders.flush()

        with suppress(RuntimeError):  # closed meanwhile
            self._writing.submit(write)

    def _listen(self) -> None:
        for line in self._news:
            self._told(json.loads(line))
        self._ended.set()
        with self._lock:
            left = list(self._hearing)
        for number in left:
            self._told({"id": number, "failed": "ended"})

    def _told(self, news: Mapping[str, Any]) -> None:
        with self._lock:
            hear = self._hearing.get(news["id"])
            if "over" in news or "failed" in news:
                self._hearing.pop(news["id"], None)
        if hear is not None:
            hear(news)
