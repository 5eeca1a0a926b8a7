"""What a reader does with the page, and what the page gives to keep."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

OpenPage = Callable[..., Page]
HELLO = [("Hello", 0.2, 0.5), ("there.", 0.6, 1.0)]


def start(page: Page) -> None:
    page.get_by_role("button", name="Start captions").click()
    expect(page.get_by_role("status")).to_contain_text("Listening")


def stop(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("status")).to_have_text("Stopped.")


def alert(page: Page) -> Locator:
    return page.get_by_role("alert")


def saved(page: Page, button: str) -> tuple[str, str]:
    """Return the name and the content of a download."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_text("utf-8")


def read_srt(content: str) -> list[tuple[int, int, str]]:
    """Return (start, end, text) of the cues, in milliseconds; fail if they are not numbered in order."""
    cues = []
    for number, block in enumerate(content.strip().split("\n\n"), 1):
        head, times, *lines = block.splitlines()
        assert head == str(number)
        h, m, s, ms, h2, m2, s2, ms2 = map(int, re.findall(r"\d+", times))
        assert re.fullmatch(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", times)
        cues.append((((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2, " ".join(lines)))
    return cues
