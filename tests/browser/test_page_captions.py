"""Captions of the page `/realtime`, over a socket that says what the test does."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from page_site import Site, wait_for
from page_use import HELLO, OpenPage, read_srt, saved, start, stop
from playwright.sync_api import Page, expect

SENTENCE = "A book could be written about this restaurant, and then all would not be told, for all its secrets"


def test_words_that_may_change_are_grey_and_final_ones_are_not(page: Page, site: Site) -> None:
    start(page)
    site.session.say(HELLO[0], partial="their")
    current = page.locator("#current")
    expect(current).to_have_text(re.compile("0:00 Hello their"))
    grey = current.locator(".partial").evaluate("element => getComputedStyle(element).color")
    black = current.locator(".final").evaluate("element => getComputedStyle(element).color")
    red, green, blue = map(int, re.findall(r"\d+", grey)[:3])
    assert grey != black
    assert max(red, green, blue) - min(red, green, blue) < 24

    site.session.say(HELLO[1], ended=True)
    expect(page.get_by_role("log")).to_have_text(re.compile("0:00 Hello there."))
    expect(current).to_be_hidden()


def test_final_lines_are_announced_and_growing_ones_are_not(page: Page, site: Site) -> None:
    start(page)
    site.session.say(*HELLO, ended=True)
    site.session.say(("Next", 1.5, 1.8), partial="thing")
    log = page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(log.locator("p")).to_have_count(1)
    expect(page.locator("#current")).to_have_attribute("aria-live", "off")
    expect(page.locator("#current")).to_contain_text("Next thing")


def test_sound_comes_in_frames_of_100_ms_at_16_khz(page: Page, site: Site) -> None:
    start(page)
    wait_for(lambda: len(site.session.frames) >= 20)
    stop(page)

    frames = site.session.frames
    assert {len(frame) for frame in frames[:-1]} == {3200}
    assert 0 < len(frames[-1]) <= 3200
    assert any(any(frame) for frame in frames)  # the fake device beeps
    assert site.session.messages == [{"action": "stop"}]


def test_the_last_words_come_after_stop(page: Page, site: Site) -> None:
    start(page)
    site.session.say(*HELLO)
    stop(page)
    expect(page.get_by_role("log")).to_contain_text("Hello there.")


@pytest.mark.parametrize("rate_hz", [48_000, 44_100, 96_000])
def test_resampling_keeps_speech_and_drops_what_would_alias(page: Page, rate_hz: int) -> None:
    error_db, alias_db, length = page.evaluate(
        """async (rate) => {
          const { Resampler } = await import("./static/realtime/resampler.js");
          const tone = (hz) => Float32Array.from({ length: rate }, (_, i) => Math.sin(2 * Math.PI * hz * i / rate));
          const resampled = (sound) => {
            const resampler = new Resampler(rate, 16000);
            const parts = [];
            for (let i = 0; i < sound.length; i += 128) parts.push(...resampler.push(sound.subarray(i, i + 128)));
            return [...parts, ...resampler.finish()];
          };
          const db = (values) => 10 * Math.log10(values.reduce((sum, v) => sum + v * v, 0) / values.length + 1e-15);
          const low = resampled(tone(1000));
          const error = low.map((v, i) => v - Math.sin(2 * Math.PI * 1000 * i / 16000)).slice(200, -200);
          return [db(error), db(resampled(tone(11000)).slice(200, -200)), low.length];
        }""",
        rate_hz,
    )
    assert error_db < -55
    assert alias_db < -65
    assert length == pytest.approx(16_000, abs=1)


def test_latency_is_the_time_from_sound_to_message(page: Page, site: Site) -> None:
    start(page)
    wait_for(lambda: len(site.session.frames) >= 15)
    site.session.say(("Now", 0.2, 0.5))
    shown = page.get_by_text(re.compile("Words are seen after"))
    seen_s, final_s = map(float, re.findall(r"(\d+\.\d) s", shown.text_content()))
    assert 1.0 <= seen_s < 4.0
    assert final_s == seen_s


def test_subtitles_obey_reading_limits(page: Page, site: Site) -> None:
    start(page)
    words = SENTENCE.split()
    spoken = [(word, 0.4 * i, 0.4 * i + 0.35) for i, word in enumerate(words * 3)]
    site.session.say(*spoken, ended=True)
    site.session.say(("Yes.", 60.0, 60.1), ended=True)
    expect(page.get_by_role("log")).to_contain_text("Yes.")
    name, content = saved(page, "Download SRT")
    cues = read_srt(content)

    assert name.endswith(".srt")
    assert " ".join(text for _, _, text in cues).split() == [*words * 3, "Yes."]
    assert all(0 < end - begin <= 7_000 for begin, end, _ in cues)
    assert all(before[1] <= after[0] for before, after in pairwise(cues))
    assert all(len(line) <= 42 for block in content.split("\n\n") for line in block.splitlines()[2:])
    assert all(len(block.splitlines()) <= 4 for block in content.strip().split("\n\n"))


def test_text_can_be_copied_and_saved(open_page: OpenPage, site: Site) -> None:
    page = open_page()
    expect(page.get_by_role("button", name="Copy text")).to_be_disabled()
    start(page)
    site.session.say(*HELLO, ended=True)
    expect(page.get_by_role("log")).to_contain_text("Hello there.")
    assert saved(page, "Download TXT")[1] == "Hello there.\n"
    page.context.grant_permissions(["microphone", "clipboard-read", "clipboard-write"], origin=site.url)
    page.get_by_role("button", name="Copy text").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == "Hello there.\n"


def test_scripts_without_spaces_get_none(page: Page, site: Site) -> None:
    start(page)
    site.session.say(("龙", 0.0, 0.2), ("虾", 0.2, 0.4), text="龙虾")
    site.session.say(("不是", 0.5, 0.9), ended=True)
    expect(page.get_by_role("log")).to_contain_text("龙虾不是")


def test_the_whole_text_at_the_end_corrects_spaces(page: Page, site: Site) -> None:
    start(page)
    site.session.final_text = "mischief-maker"
    site.session.say(("mischief", 0.0, 0.5))
    site.session.say(("-maker", 0.5, 0.9), ended=True)
    stop(page)
    assert saved(page, "Download TXT")[1] == "mischief-maker\n"


def test_markup_in_what_was_said_stays_text(page: Page, site: Site) -> None:
    start(page)
    site.session.say(("<b>bold</b>", 0.0, 0.5), ended=True)
    expect(page.get_by_role("log")).to_contain_text("<b>bold</b>")


def test_clearing_begins_again(page: Page, site: Site) -> None:
    start(page)
    site.session.say(*HELLO, ended=True)
    expect(page.get_by_role("log")).to_contain_text("Hello there.")
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()  # not while they come
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("log")).to_be_empty()
    expect(page.get_by_role("button", name="Download SRT")).to_be_disabled()
