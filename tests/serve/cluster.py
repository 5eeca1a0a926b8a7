"""A service of the tests' own: its processes can be looked at, killed, and scaled."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import yaml

from benchmarks.common.own_service import fix_replicas

SAMPLE_MEETING = Path(__file__).parents[1] / "data" / "sample_meeting.opus"
READY_S = 120.0
ANSWER_S = 240.0
RELOAD_S = 10.0
POLL_S = 0.1
RATE_HZ = 16_000


@dataclass(slots=True, kw_only=True)
class OwnService:
    """A service on this machine, started from the Serve config in `profile`."""

    url: str
    profile: Path
    raylet: psutil.Process

    def replicas(self, *deployments: str) -> list[psutil.Process]:
        """Return the processes of the deployments' running replicas."""
        pids = json.loads(self._admin("replicas").splitlines()[-1])
        return [psutil.Process(pid) for deployment in deployments for pid in pids[deployment]]

    def proxies(self) -> list[psutil.Process]:
        """Return the processes that listen at the service's port."""
        return listeners(self.url)

    def scale(self, deployment: str, n_replicas: int) -> None:
        """Set a deployment's number of replicas and wait until there are that many."""
        config = yaml.safe_load(self.profile.read_text(encoding="utf-8"))
        fix_replicas(config, deployment, n_replicas)
        self.profile.write_text(yaml.safe_dump(config), encoding="utf-8")
        self.redeploy()
        self.wait_until_ready({deployment: n_replicas})

    def redeploy(self) -> None:
        """Give the cluster the config as it is in `profile` now."""
        self._admin("deploy", str(self.profile))

    def _admin(self, *command: str) -> str:
        gcs = next(part for part in self.raylet.cmdline() if part.startswith("--gcs-address="))
        script = Path(__file__).with_name("cluster_admin.py")
        environment = os.environ | {"RAY_AUTH_MODE": "token"}  # as clusters that Serve starts here have it
        return subprocess.run(
            [sys.executable, str(script), gcs.removeprefix("--gcs-address="), *command],
            check=True,
            timeout=READY_S,
            capture_output=True,
            text=True,
            env=environment,
        ).stdout

    def wait_until_ready(self, replicas: dict[str, int]) -> None:
        """Wait until every deployment is ready, and those named have so many replicas."""
        deadline_s = time.monotonic() + READY_S
        while not self._ready(replicas):
            assert time.monotonic() < deadline_s, "the service did not become ready"
            time.sleep(0.25)

    def _ready(self, replicas: dict[str, int]) -> bool:
        health = httpx.get(f"{self.url}/health", timeout=10, trust_env=False).json()
        deployments = health["deployments"]
        return (
            health["status"] == "ok"
            and all(d["replicas_starting"] == 0 for d in deployments.values())
            and all(deployments[name]["replicas_running"] == n for name, n in replicas.items())
        )

    def transcript(self, content: bytes, **fields: str) -> dict[str, Any]:
        """Return the transcript's JSON without what names this one answer."""
        with self.events(content, **fields) as events:
            name, data = list(events)[-1]
        assert name == "done", data
        return without_id(data["transcript"])

    @contextmanager
    def events(self, content: bytes, **fields: str) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        """Open a transcription's event stream as (name, data); leaving the block hangs up."""
        fields |= {"stream": "true", "language": "en"}
        with (
            httpx.Client(base_url=self.url, timeout=ANSWER_S, trust_env=False) as client,
            client.stream("POST", "/v1/transcribe", files={"file": ("meeting", content)}, data=fields) as response,
        ):
            assert response.status_code == 200
            yield _events(response)


def _events(response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def without_id(transcript: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in transcript.items() if name not in {"request_id", "transcript_id"}}


def raylet_behind(url: str) -> psutil.Process:
    """Return the raylet above the process that listens at the URL's port: another one after each reload of HAProxy."""
    deadline = time.monotonic() + RELOAD_S
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            for listener in listeners(url):
                for parent in listener.parents():
                    if parent.name() == "raylet":
                        return parent
        time.sleep(POLL_S)
    raise LookupError(f"nothing of Ray listens at {url}")


def listeners(url: str) -> list[psutil.Process]:
    """Return the processes that listen at the URL's port, without those that ended while they were looked for."""
    port = httpx.URL(url).port
    connections = psutil.net_connections("tcp")
    pids = {c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr.port == port}
    found = []
    for pid in sorted(pids):
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def drop_sockets(config: dict[str, Any]) -> None:
    """Leave the applications of sockets out of a Serve config: where nobody streams, a service starts sooner."""
    del config["applications"][1:]


def repeated_meeting(times: float) -> bytes:
    """Return the sample meeting (82 s, four speakers) so many times on end, or a part of it, as a WAV file."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(SAMPLE_MEETING)) as container:
        frames = [frame for decoded in container.decode(audio=0) for frame in resampler.resample(decoded)]
    meeting = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    samples = np.resize(meeting, round(meeting.size * times))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()
