"""Take the picture of the dashboard: `python tests/operations/picture.py [--minutes 4]` writes docs/dashboard.png.

Starts a service and Debian's Prometheus over it (`apt install prometheus`), lets clients of every kind work for some
minutes, and draws what the dashboard's queries give. Takes the weights that `hark models pull --all` has fetched.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "serve")]

from cluster import SAMPLE_MEETING, OwnService, repeated_meeting  # noqa: E402
from own_directory import own_profile, running  # noqa: E402
from tenants import paying_tenant  # noqa: E402

from configs.grafana.dashboard import FILE  # noqa: E402
from configs.grafana.render import Prometheus, draw  # noqa: E402

OUT = ROOT / "docs" / "dashboard.png"
SCRAPE_S = 5
RATE_S = 45  # replicas tell their counts every 10 s


@contextmanager
def prometheus(targets: Path, directory: Path) -> Iterator[str]:
    """Run Prometheus over the targets that the service has written."""
    config = yaml.safe_load((ROOT / "configs" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"}
    config["rule_files"] = [str(ROOT / "configs" / "prometheus" / "hark_alerts.yml")]
    config["scrape_configs"][0]["file_sd_configs"][0] = {"files": [str(targets)], "refresh_interval": "1s"}
    file = directory / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    address = "127.0.0.1:19090"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={file}",
            f"--storage.tsdb.path={directory / 'tsdb'}",
            f"--web.listen-address={address}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def requests(service: OwnService) -> None:
    """Whole meetings, with speakers and without."""
    meeting = SAMPLE_MEETING.read_bytes()
    with httpx.Client(base_url=service.url, timeout=240, trust_env=False) as client:
        for diarize in ("false", "true"):
            client.post(
                "/v1/transcribe",
                files={"file": ("meeting.opus", meeting)},
                data={"language": "en", "diarize": diarize},
            )


def short_requests(service: OwnService) -> None:
    """Ten seconds at a time, silence, and what no service can take."""
    quiet = repeated_meeting(1)[:44] + bytes(320_000)
    clip = repeated_meeting(1)[: 44 + 320_000]
    with httpx.Client(base_url=service.url, timeout=240, trust_env=False) as client:
        for content in (clip, clip, quiet, b"no sound " * 99):
            client.post("/v1/transcribe", files={"file": ("a.wav", content)}, data={"diarize": "false"})
        client.get("/v1/models")
        client.get("/v1/nothing")


def questions(service: OwnService) -> None:
    """Something for the language model, which is loaded when first asked."""
    with httpx.Client(base_url=service.url, timeout=240, trust_env=False) as client:
        model = next(m["id"] for m in client.get("/v1/models").json()["data"] if "qwen" in m["id"])
        asked = [{"role": "user", "content": "Name three rivers in one line."}]
        client.post("/v1/chat/completions", json={"model": model, "messages": asked, "max_tokens": 40})


def sessions(service: OwnService) -> None:
    """A recording that is played into a socket."""
    subprocess.run(
        [sys.executable, "-m", "serve_app.cli", "stream", str(SAMPLE_MEETING), "--url", service.url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=240,
        check=False,
    )


def jobs(service: OwnService) -> None:
    """Three jobs at once, of an account that pays."""
    meeting = repeated_meeting(1)
    with paying_tenant(service) as tenant:
        for job in [tenant.begin(meeting) for _ in range(3)]:
            tenant.finished(job)


WORK: tuple[tuple[float, Callable[[OwnService], None]], ...] = (  # seconds after the start
    (0, requests),
    (5, short_requests),
    (15, sessions),
    (30, jobs),
    (60, questions),
)


def work(service: OwnService, *, until_s: float) -> None:
    """Let all kinds of clients work side by side until the time has come."""
    started_s = time.monotonic()

    def again(after_s: float, kind: Callable[[OwnService], None]) -> None:
        time.sleep(after_s)
        while time.monotonic() - started_s < until_s:
            with suppress(httpx.HTTPError, subprocess.TimeoutExpired, AssertionError, StopIteration):
                kind(service)
            time.sleep(2)

    threads = [threading.Thread(target=again, args=each, daemon=True) for each in WORK]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(until_s + 60)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=4)
    arguments.add_argument("--out", type=Path, default=OUT)
    chosen = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hark-picture-") as directory,
        own_profile(sockets=True) as profile,
        running(profile) as service,
        prometheus(profile.parent / "data" / "prometheus_targets.json", Path(directory)) as url,
    ):
        started_s = time.time()
        work(service, until_s=60 * chosen.minutes)
        time.sleep(12)
        # Up to where the clients began to leave: figures show the service at work.
        end_s = started_s + 60 * chosen.minutes
        answers = Prometheus(url, start_s=started_s, end_s=end_s, rate_interval_s=RATE_S)
        dashboard = json.loads(FILE.read_text(encoding="utf-8"))
        filled = draw(dashboard, answers, chosen.out, title=f"{chosen.minutes:g} minutes of mixed work")
        rules = httpx.get(f"{url}/api/v1/rules", timeout=10, trust_env=False).json()["data"]["groups"]
    broken = [rule["name"] for group in rules for rule in group["rules"] if rule["health"] != "ok"]
    n_panels = sum(panel["type"] != "row" for panel in dashboard["panels"])
    print(f"{chosen.out}: {filled} of {n_panels} panels have data; rules that fail: {broken or 'none'}")


if __name__ == "__main__":
    main()
