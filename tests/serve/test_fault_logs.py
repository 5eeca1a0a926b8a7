"""What the log files of a running service hold."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from cluster import OwnService


@pytest.mark.parametrize("content", [b"nothing of this is sound. " * 1000, b"ID3\x04" + bytes(50_000)])
def test_a_file_that_is_no_recording_is_no_error_of_the_service(service: OwnService, content: bytes) -> None:
    before = errors_of(service)
    answer = httpx.post(f"{service.url}/v1/transcribe", files={"file": ("a.mp3", content)}, timeout=60, trust_env=False)
    assert answer.status_code == 400, answer.text
    assert errors_of(service) == before


def errors_of(service: OwnService) -> list[str]:
    """Return the lines of Serve's logs, which are flushed before the answer goes out, that tell of an error."""
    option = next(part for part in service.raylet.cmdline() if part.startswith("--log_dir="))
    lines = (
        line
        for path in (Path(option.removeprefix("--log_dir=")) / "serve").glob("*.log")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    return [line for line in lines if line.startswith("{") and json.loads(line).get("levelname") == "ERROR"]
