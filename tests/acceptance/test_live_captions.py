"""The page in front of the running service, which must be on this machine, with a microphone that plays a recording.

HARK_SCREENSHOT    where to write a picture of the page in use; without it none is taken
"""

from __future__ import annotations

import os
import re
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_use import read_srt, saved
from playwright.sync_api import expect

DATA = Path(__file__).parents[1] / "data"
HEARD_S = 20.6
N_UTTERANCES = 3  # that end within it
RATE_HZ = 48_000
SEEN = """() => {
  window.seen = [];
  const current = document.getElementById("current");
  new MutationObserver(() => {
    const grey = current.querySelector(".partial");
    if (grey.textContent) window.seen.push({
      text: current.textContent, grey: grey.textContent, colour: getComputedStyle(grey).color, at: performance.now(),
    });
  }).observe(current, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of the sample meeting, as a WAV file."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(DATA / "sample_meeting.opus")) as container:
        frames = [frame for decoded in container.decode(audio=0) for frame in resampler.resample(decoded)]
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])[: round(HEARD_S * RATE_HZ)]
    path = tmp_path_factory.mktemp("microphone") / "meeting.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def plain_words(text: str) -> list[str]:
    return re.sub(r"[^\w' ]", " ", text.lower()).split()


def said() -> list[str]:
    lines = (DATA / "sample_meeting.txt").read_text("utf-8").splitlines()[:N_UTTERANCES]
    return plain_words(" ".join(line.partition(": ")[2] for line in lines))


def test_what_is_spoken_is_read_while_it_is_spoken(service_url: str, launch: Any, recording: Path) -> None:
    import jiwer

    with launch(recording) as browser:
        context = browser.new_context(viewport={"width": 1100, "height": 720})
        context.grant_permissions(["microphone"], origin=service_url)
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{service_url}/realtime")
        page.get_by_label("Language").select_option("en")
        page.evaluate(SEEN)
        page.get_by_role("button", name="Start captions").click()
        log = page.get_by_role("log")
        expect(page.get_by_role("status")).to_contain_text("Listening", timeout=30_000)

        expect(log).to_contain_text(re.compile("lobster", re.IGNORECASE), timeout=30_000)
        expect(page.locator("#current .partial")).not_to_be_empty(timeout=30_000)
        if picture := os.environ.get("HARK_SCREENSHOT"):
            expect(log.locator("p")).to_have_count(2, timeout=30_000)
            expect(page.locator("#current .final")).not_to_be_empty(timeout=30_000)
            expect(page.locator("#current .partial")).not_to_be_empty(timeout=30_000)
            page.screenshot(path=picture)
        expect(log).to_contain_text(re.compile("but a crayfish", re.IGNORECASE), timeout=60_000)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("status")).to_have_text("Stopped.", timeout=60_000)

        seen = page.evaluate("window.seen")
        latency = page.locator("#latency").text_content()
        final_colour = log.locator(".final").first.evaluate("element => getComputedStyle(element).color")
        lines = log.locator(".final").all_text_contents()
        name, content = saved(page, "Download SRT")

    heard = plain_words(" ".join(lines))
    assert jiwer.wer(" ".join(said()), " ".join(heard)) < 0.25
    for word in ("lobster", "crayfish", "silly", "question"):
        assert word in heard
    assert len(seen) > 5
    assert {entry["colour"] for entry in seen} != {final_colour}
    assert "lobster" in " ".join(entry["grey"].lower() for entry in seen)
    seen_s, final_s = map(float, re.findall(r"(\d+\.\d) s", latency))
    assert 0 < seen_s <= final_s
    cues = read_srt(content)
    assert name.endswith(".srt")
    assert plain_words(" ".join(text for _, _, text in cues)) == heard
    assert all(begin < end for begin, end, _ in cues)
    assert all(before[1] <= after[0] for before, after in pairwise(cues))
    assert complaints == []
