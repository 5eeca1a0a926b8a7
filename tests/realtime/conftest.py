"""One service for all tests of this folder: its replicas are killed and its sockets filled up, so it is their own.

HARK_TEST_URL names a running service for those tests that only talk to it; it must serve callers without a key.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

sys.path.append(str(Path(__file__).parents[1] / "serve"))

from cluster import SAMPLE_MEETING, OwnService, raylet_behind
from live_talk import MAX_SESSIONS, RATE_HZ, Heard, stream

from benchmarks.common.own_service import fix_replicas
from configs.load import read_profile
from serve_app.cli.service import started_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnService]:
    """A service with room for eight sessions on each route."""
    profile = tmp_path_factory.mktemp("profile") / "profile.yaml"
    config = read_profile("embedded")
    fix_replicas(config, "recognizer-base", 2)
    fix_replicas(config, "diarizer", 1)
    for application in config["applications"]:
        application["args"] = {**application["args"], "realtime": {"max_sessions": MAX_SESSIONS}}
    profile.write_text(yaml.safe_dump(config), encoding="utf-8")
    with started_service((sys.executable, "-m", "serve_app.cli", "serve", "--profile", str(profile))) as url:
        yield OwnService(url=url, profile=profile, raylet=raylet_behind(url))


@pytest.fixture(scope="session")
def socket_url(request: pytest.FixtureRequest) -> str:
    """The base URL of a ready service, for sockets."""
    running = os.environ.get("HARK_TEST_URL") or request.getfixturevalue("service").url
    return str(running).rstrip("/").replace("http", "ws", 1)


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """The first 24 s of a real meeting, three people: int16 at 16 kHz."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(SAMPLE_MEETING)) as container:
        frames = [frame for decoded in container.decode(audio=0) for frame in resampler.resample(decoded)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])[: 24 * RATE_HZ]


@pytest.fixture(scope="session")
def spoken_once(socket_url: str, speech: np.ndarray) -> Heard:
    """What a session of its own hears of the first 15 s, at the pace of speech."""
    return asyncio.run(stream(f"{socket_url}/v1/stream", speech[: 15 * RATE_HZ]))
