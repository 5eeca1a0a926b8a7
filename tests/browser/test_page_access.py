"""The page `/realtime` in everybody's hands: choices, widths, colours, keyboard, policy."""

from __future__ import annotations

import re

import pytest
from page_site import Site, wait_for
from page_use import HELLO, OpenPage, start, stop
from playwright.sync_api import Browser, Page, expect


def test_it_loads_nothing_from_other_hosts_and_keeps_its_own_policy(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    context.grant_permissions(["microphone"], origin=site.url)
    page = context.new_page()
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    response = page.goto(f"{site.url}/realtime", wait_until="networkidle")
    start(page)
    stop(page)
    context.close()

    assert all(address.startswith((f"{site.url}/", "data:")) for address in requested)
    assert complaints == []
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_language_and_model_are_chosen_from_what_the_service_has(page: Page, site: Site) -> None:
    model = page.get_by_label("Model")
    expect(model).to_have_value("base")  # the one that is loaded
    model.select_option("large-v3-turbo")
    page.get_by_label("Language").select_option("de")
    start(page)
    assert site.session.query == {"language": "de", "model": "large-v3-turbo"}
    expect(page.get_by_role("status")).to_contain_text("base answers: large-v3-turbo is not loaded here.")

    page.get_by_label("Language").select_option("fr")
    wait_for(lambda: {"language": "fr"} in site.session.messages)


def test_microphones_can_be_chosen_once_they_are_allowed(page: Page, site: Site) -> None:
    start(page)
    stop(page)
    names = page.get_by_label("Microphone", exact=True).locator("option").all_text_contents()
    assert names[0] == "Default"
    assert len(names) > 2
    page.get_by_label("Microphone", exact=True).select_option(label=names[-1])
    start(page)


def test_the_level_is_checked_without_sending_anything(page: Page, site: Site) -> None:
    page.get_by_role("button", name="Check microphone").click()
    expect(page.locator("#level-note")).not_to_be_empty()
    expect(page.get_by_role("button", name="End the check")).to_have_attribute("aria-pressed", "true")
    wait_for(lambda: page.evaluate("document.getElementById('level').value > 0.2"))
    page.get_by_role("button", name="End the check").click()
    expect(page.locator("#level-note")).to_be_empty()
    assert site.sessions == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_on_any_width(open_page: OpenPage, site: Site, width: int) -> None:
    site.is_open = False  # with the field for the key
    page = open_page(viewport={"width": width, "height": 700})
    start(page)
    site.session.say(("Donaudampfschifffahrtsgesellschaft" * 3, 0.0, 1.0), ended=True)
    expect(page.get_by_role("log")).to_contain_text("Donau")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    for control in page.locator("button:visible, select:visible, input:visible").all():
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 40  # px, for a finger


def test_a_phone_shows_captions_without_scrolling(open_page: OpenPage, site: Site) -> None:
    site.is_open = False
    page = open_page(viewport={"width": 360, "height": 640})
    start(page)
    site.session.say(*HELLO, ended=True)
    expect(page.get_by_role("log").get_by_text("Hello there.")).to_be_in_viewport(ratio=1)
    expect(page.get_by_label("Language")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Stop")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_grey_can_be_read_on_both_grounds(open_page: OpenPage, site: Site, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    start(page)
    site.session.say(HELLO[0], partial="their")
    expect(page.locator("#current")).to_be_visible()
    colour = "(selector, name) => getComputedStyle(document.querySelector(selector))[name]"
    ground = page.evaluate(f"({colour})('#captions', 'backgroundColor')")
    assert (luminance(ground) < 0.2) == (scheme == "dark")
    for selector in ("#current .partial", "#current .final", "#current time"):
        assert contrast(page.evaluate(f"({colour})('{selector}', 'color')"), ground) >= 4.5


def test_everything_can_be_done_from_the_keyboard(page: Page, site: Site) -> None:
    names = []
    page.locator("body").click(position={"x": 1, "y": 1})
    for _ in range(12):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id"))
        if names[-1] == "start":
            break
    assert names[-4:] == ["device", "language", "model", "start"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Listening")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Stopped.")
    expect(page.get_by_role("button", name="Start captions")).to_be_focused()


def test_every_control_has_a_name(open_page: OpenPage, site: Site) -> None:
    site.is_open = False
    page = open_page()
    unnamed = page.evaluate(
        """[...document.querySelectorAll("button, select, input, meter, section, form")]
          .filter((element) => !(element.textContent.trim() && element.tagName === "BUTTON"))
          .filter((element) => !element.ariaLabel && !element.labels?.length).map((element) => element.outerHTML)"""
    )
    assert unnamed == []


def luminance(colour: str) -> float:
    """Relative luminance of rgb(…), as WCAG 2 defines it."""
    channels = [int(value) / 255 for value in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
