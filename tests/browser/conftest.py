"""The page over a site that does what a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from chromium import Launch, chromium, launch
from page_site import Site
from playwright.sync_api import Browser, Page, expect

__all__ = ["chromium", "launch"]


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
