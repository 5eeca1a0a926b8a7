"""A headless Chromium with a fake microphone.

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
from page_site import Site
from playwright.sync_api import Browser, Page, expect, sync_playwright

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


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Iterator[Browser]:
    with launch() as opened:
        yield opened


@pytest.fixture(scope="module")
def running_site() -> Iterator[Site]:
    site = Site()
    with site.running():
        yield site


@pytest.fixture
def site(running_site: Site) -> Site:
    """The page over a socket that does what the test says."""
    running_site.reset()
    return running_site


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Open the page in a fresh profile; `script` runs before it, keywords are the profile's."""
    contexts = []

    def opened(*, allowed: bool = True, script: str = "", **profile: object) -> Page:
        context = browser.new_context(**profile)  # type: ignore[arg-type]  # as they are named there
        contexts.append(context)
        # Naming any permission refuses all others.
        context.grant_permissions(["microphone"] if allowed else ["notifications"], origin=site.url)
        page = context.new_page()
        page.set_default_timeout(10_000)
        if script:
            page.add_init_script(script)
        page.goto(f"{site.url}/realtime")
        expect(page.get_by_label("Language")).to_contain_text("Welsh")  # its catalogue has come
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()
