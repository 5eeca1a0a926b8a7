"""A headless Chromium with a fake microphone: fixtures of the suites that look at the page.

HARK_CHROMIUM    the browser's program (default: `chromium`, `chromium-browser` or `google-chrome` on PATH)

Without one the tests are skipped; with HARK_REQUIRE_BROWSER=1, as the gate sets it, they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

Launch = Callable[..., AbstractContextManager[Browser]]

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSECURE_HOST = "not-this-machine.test"  # leads to this machine, which the browser does not know
PREREQUISITE = (
    "There is no Chromium: `apt install chromium`, or name the program of Chromium or Chrome in HARK_CHROMIUM."
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program."""
    named = os.environ.get("HARK_CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    if os.environ.get("HARK_REQUIRE_BROWSER") == "1":
        pytest.fail(PREREQUISITE)
    pytest.skip(PREREQUISITE)


@pytest.fixture(scope="session")
def launch(chromium: str) -> Launch:
    """Launch the browser for a block, with a microphone that plays a WAV file once, or beeps without one.

    Its event loop occupies the thread: no asynchronous test runs inside the block.
    """

    @contextmanager
    def launched(recording: Path | None = None) -> Iterator[Browser]:
        flags = ["--use-fake-device-for-media-stream", f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1"]
        if recording:
            flags.append(f"--use-file-for-fake-audio-capture={recording}%noloop")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium,
                args=flags,
                chromium_sandbox=os.geteuid() != 0,  # which refuses to run as root
            )
            yield browser
            browser.close()

    return launched
