"""What the page `/realtime` says when there is no microphone, no connection or no key."""

from __future__ import annotations

import pytest
from page_site import Site, wait_for
from page_use import HELLO, OpenPage, alert, read_srt, saved, start
from playwright.sync_api import Browser, Page, expect

NO_MICROPHONE = """navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("for the test", "%s");
};"""


def test_a_refused_permission_is_explained(open_page: OpenPage, site: Site) -> None:
    page = open_page(allowed=False)
    page.get_by_role("button", name="Start captions").click()
    expect(alert(page)).to_contain_text("The microphone is not allowed")
    expect(alert(page)).to_contain_text("Allow the microphone in the browser's settings for this site")
    expect(page.get_by_role("button", name="Start captions")).to_be_focused()
    assert site.sessions == []


@pytest.mark.parametrize(
    ("script", "title"),
    [
        (NO_MICROPHONE % "NotFoundError", "No microphone was found"),
        (NO_MICROPHONE % "NotReadableError", "The microphone cannot be read"),
        (NO_MICROPHONE % "OverconstrainedError", "This microphone is not there any more"),
        (NO_MICROPHONE % "SomethingNew", "The browser says: for the test"),
        ("delete window.AudioWorkletNode;", "This browser cannot read a microphone"),
    ],
)
def test_every_reason_for_no_microphone_has_its_sentence(open_page: OpenPage, script: str, title: str) -> None:
    page = open_page(script=script)
    page.get_by_role("button", name="Start captions").click()
    expect(alert(page)).to_contain_text(title)
    expect(page.get_by_role("button", name="Start captions")).to_be_enabled()


def test_a_page_that_came_unencrypted_from_elsewhere_says_what_is_missing(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    page.goto(site.url.replace("127.0.0.1", "not-this-machine.test") + "/realtime")
    page.get_by_role("button", name="Start captions").click()
    expect(alert(page)).to_contain_text("Only pages that come over https, or from this machine (localhost)")
    page.close()


def test_a_microphone_that_is_unplugged_ends_the_session_in_order(open_page: OpenPage, site: Site) -> None:
    page = open_page(
        script="""const getUserMedia = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wanted) => (window.given = await getUserMedia(wanted));"""
    )
    start(page)
    page.evaluate("given.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    expect(alert(page)).to_contain_text("The microphone is gone")
    wait_for(lambda: {"action": "stop"} in site.session.messages)


@pytest.mark.parametrize(
    ("code", "title"),
    [
        (1011, "The service failed (code 1011)"),
        (1012, "The service is restarting (code 1012)"),
        (1013, "The service is busy (code 1013)"),
        (4321, "The connection was closed (code 4321)"),
    ],
)
def test_a_close_code_is_explained_and_a_reconnect_offered(page: Page, site: Site, code: int, title: str) -> None:
    start(page)
    site.session.close(code)
    expect(alert(page)).to_contain_text(title)
    expect(page.get_by_role("button", name="Reconnect")).to_be_focused()


def test_what_the_service_says_stands_before_our_own_words(page: Page, site: Site) -> None:
    start(page)
    site.session.close(1008, {"error": "No credits are left.", "error_code": "INSUFFICIENT_CREDITS"})
    expect(alert(page)).to_contain_text("No credits are left.")
    expect(page.get_by_label("API key")).to_be_focused()


def test_after_a_lost_connection_captions_go_on_where_they_were(page: Page, site: Site) -> None:
    start(page)
    first = site.session
    wait_for(lambda: len(first.frames) >= 12)
    first.say(*HELLO, partial="and then")
    expect(page.locator("#current")).to_contain_text("and then")
    site.cut_connections()
    expect(alert(page)).to_contain_text("The connection was lost (code 1006)")
    expect(page.get_by_role("log")).to_contain_text("Hello there.")

    page.get_by_role("button", name="Reconnect").click()
    wait_for(lambda: len(site.sessions) == 2)
    expect(alert(page)).to_be_hidden()
    site.session.say(("Again.", 0.0, 0.5), ended=True)
    expect(page.get_by_role("log")).to_contain_text("Again.")
    cues = read_srt(saved(page, "Download SRT")[1])
    assert [text for _, _, text in cues] == ["Hello there.", "Again."]
    assert cues[1][0] >= 1_200  # ms: what was heard before


def test_a_service_that_is_not_there_is_said_so(page: Page, site: Site) -> None:
    site.rejects_handshakes = True
    page.get_by_role("button", name="Start captions").click()
    expect(alert(page)).to_contain_text("The service cannot be reached")
    site.rejects_handshakes = False
    page.get_by_role("button", name="Reconnect").click()
    expect(page.get_by_role("status")).to_contain_text("Listening")


def test_without_accounts_nobody_is_asked_for_a_key(page: Page, site: Site) -> None:
    expect(page.get_by_label("API key")).to_be_hidden()
    start(page)
    assert "token" not in site.session.query


def test_a_key_is_sent_and_kept_for_the_tab_only(open_page: OpenPage, site: Site) -> None:
    site.is_open = False
    page = open_page()
    page.get_by_label("API key").fill("sk_test")
    page.get_by_label("API key").blur()
    page.reload()
    expect(page.get_by_label("API key")).to_have_value("sk_test")
    start(page)
    assert site.session.query["token"] == "sk_test"  # noqa: S105 - it opens nothing
    assert page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"


def test_a_key_that_is_not_valid_can_be_corrected(page: Page, site: Site) -> None:
    site.refusal = ({"error": "This API key or token is not valid.", "error_code": "UNAUTHENTICATED"}, 1008)
    page.get_by_role("button", name="Start captions").click()
    expect(alert(page)).to_contain_text("This API key or token is not valid.")
    site.refusal = None
    page.get_by_label("API key").fill("sk_right")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Listening")
    assert site.session.query["token"] == "sk_right"  # noqa: S105 - it opens nothing
