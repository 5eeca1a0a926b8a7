"""A stand-in for `hark serve`: the routes the command line needs, on the standard library.

Recordings are short texts that say what shall happen: `say WORDS`, `refuse REASON`, `fail REASON`,
`busy WORDS` (busy once), `quota`, `silence`, `die`, `hang`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ONCE_BUSY = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self._json(200, {"status": "ok"})

    def do_POST(self) -> None:
        body = (
            self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else self._chunks()
        )
        form = dict(re.findall(rb'name="(\w+)"\r\n\r\n(.*?)\r\n', body))
        recording = re.search(rb'filename="[^"]*"\r\nContent-Type: [^\r]*\r\n\r\n(.*?)\r\n--', body, re.DOTALL)
        order, _, rest = (recording.group(1).decode() if recording else "die").partition(" ")
        if order == "busy" and not ONCE_BUSY.is_set():
            ONCE_BUSY.set()
            self._json(429, {"error": "Too many at once.", "error_code": "STT_CONCURRENCY_LIMIT"}, {"Retry-After": "0"})
        elif order == "quota":
            self._json(429, {"error": "Come back tomorrow.", "error_code": "QUOTA_EXCEEDED"}, {"Retry-After": "9000"})
        elif order == "refuse":
            self._json(400, {"error": rest, "error_code": "CORRUPT_MEDIA"})
        else:
            self._stream(order, rest, {name.decode(): value.decode() for name, value in form.items()})

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _stream(self, order: str, rest: str, form: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self._event("progress", {"stage": "recognizing", "done": 0.5, "audio_s": 2.0})
        self.wfile.write(b": still working\n\n")
        if order == "fail":
            self._event("error", {"error": rest, "error_code": "STT_UPSTREAM_UNAVAILABLE"})
        elif order in ("say", "busy"):
            segment = {"start": 1.0, "end": 2.0, "text": rest, "speaker": "Speaker 1"}
            transcript = {"text": rest, "form": form, "key": self.headers.get("Authorization", "")}
            transcript |= {"segments": [segment], "speakers": ["Speaker 1"], "warnings": []}
            done: dict[str, Any] = {"transcript": transcript}
            if form["response_format"] in ("srt", "vtt"):
                done["rendered"] = f"{form['response_format']} of {rest}\n"
            self._event("segment", segment)
            self._event("done", done)
        elif order == "silence":
            warning = {"code": "no_speech_detected", "message": "No speech was found."}
            self._event("done", {"transcript": {"text": "", "segments": [], "speakers": [], "warnings": [warning]}})
        elif order == "hang":
            print("hanging", flush=True)
            threading.Event().wait()
        # "die": the stream ends without a last event

    def _event(self, name: str, data: dict[str, Any]) -> None:
        self.wfile.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def _json(self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stubborn", action="store_true", help="take no notice of SIGINT")
    parser.add_argument("--child", help="start a child that sleeps, and write its process id into this file")
    parser.add_argument("--words", help="print this and stop")
    given = parser.parse_args()
    if given.words:
        sys.exit(given.words)
    # Who is started in the background by a shell inherits an ignored SIGINT; `hark serve` takes it all the same.
    signal.signal(signal.SIGINT, signal.SIG_IGN if given.stubborn else signal.default_int_handler)
    if given.child:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open(given.child + ".new", "w", encoding="ascii") as file:
            file.write(str(child.pid))
        os.replace(given.child + ".new", given.child)
    ThreadingHTTPServer(("127.0.0.1", given.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
