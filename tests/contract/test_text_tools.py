"""The classic language tools, as they are installed."""

from __future__ import annotations

import socket
from itertools import pairwise
from typing import Any

import pytest

from serve_app.adapters.text_tools import load_text_tools
from serve_app.ports.text_tools import TextSpan, TextTools


@pytest.fixture(scope="module")
def tools() -> TextTools:
    return load_text_tools()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("A text tool looks for the network.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def found(text: str, spans: list[TextSpan]) -> dict[str, str]:
    return {text[span.start : span.end]: span.kind for span in spans}


PII = {
    "Write to maria.lopez+x@example.co.uk today.": {"maria.lopez+x@example.co.uk": "EMAIL"},
    "My address is anna dot berg at example dot com, thanks.": {"anna dot berg at example dot com": "EMAIL"},
    "Call me at (415) 555-2671 after five.": {"(415) 555-2671": "PHONE"},
    "The card is 4111 1111 1111 1111.": {"4111 1111 1111 1111": "CREDIT_CARD"},
    "Pay to DE89 3704 0044 0532 0130 00 please.": {"DE89 3704 0044 0532 0130 00": "IBAN"},
    "The server is 192.168.17.4 now.": {"192.168.17.4": "IP_ADDRESS"},
    "See https://example.org/a?b=1.": {"https://example.org/a?b=1": "URL"},
}


@pytest.mark.parametrize("text", PII)
@pytest.mark.parametrize("language", ["en", "pl", None])
def test_personal_data_with_a_form_is_found_in_every_language(tools: TextTools, text: str, language: str | None):
    assert tools.pii is not None
    (spans,) = tools.pii.find_pii([text], language=language)
    assert PII[text].items() <= found(text, spans).items()


def test_numbers_that_are_no_card_and_plain_words_are_left_alone(tools: TextTools):
    assert tools.pii is not None
    text = "In 1455 we printed 4111 1111 1111 1112 letters at nine dot, version 4.2."
    assert tools.pii.find_pii([text], language=None) == [[]]


def test_persons_are_found_in_english_only(tools: TextTools):
    assert tools.pii is not None
    text = "Yesterday John Smith met Angela Merkel in the office."
    (spans,) = tools.pii.find_pii([text], language="en")
    assert found(text, spans) == {"John Smith": "PERSON", "Angela Merkel": "PERSON"}
    assert tools.pii.find_pii([text], language="de") == [[]]


def test_spans_of_each_text_are_in_order_and_apart(tools: TextTools):
    assert tools.pii is not None
    texts = ["", "x@example.com, www.example.com and y@example.com at 192.168.0.1", "nothing"]
    empty, spans, nothing = tools.pii.find_pii(texts, language="en")
    assert (empty, nothing) == ([], [])
    assert [span.start for span in spans] == sorted(span.start for span in spans)
    assert all(before.end <= after.start for before, after in pairwise(spans))


def test_entities_have_kinds_and_places(tools: TextTools):
    assert tools.entities is not None
    text = "Apple hired Maria Lopez in Berlin on Monday for 5 million dollars."
    (spans,) = tools.entities.find_entities([text])
    assert {"Maria Lopez": "PERSON", "Berlin": "LOCATION", "Monday": "DATE"}.items() <= found(text, spans).items()
    assert "MONEY" in found(text, spans).values()


def test_a_name_in_small_letters_is_believed_only_where_all_letters_are_small(tools: TextTools):
    assert tools.entities is not None
    small, mixed = tools.entities.find_entities(["i met maria lopez in berlin", "I met maria lopez. She likes paris."])
    assert all(span.kind in {"DATE", "TIME", "MONEY", "PERCENT", "QUANTITY"} for span in mixed)
    assert [span.kind for span in small]


def test_moods_are_told_apart(tools: TextTools):
    assert tools.sentiment is not None
    good, bad, plain = tools.sentiment.score(["I love it, great work!", "This is terrible.", "The door is open."])
    assert good > 0.5
    assert bad < -0.3
    assert plain == 0.0


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("Rain fell.", True),
        ("The budget may be approved in March.", True),
        ("When it rains, it pours.", True),
        ("Put this in a double boiler and stir it.", True),
        ("A failure is rare. Lobsters and lobsters.", True),
        ("Lobsters and lobsters.", False),
        ("The first powder mill in this country.", False),
        ("The lower case, being, in fact, invented in the Middle Ages.", False),
        ("One pound of lobster meat, one wine glass of sherry,", False),
        ("", False),
    ],
)
def test_a_sentence_without_a_main_clause_states_nothing(tools: TextTools, text: str, states: bool):
    assert tools.grammar is not None
    assert tools.grammar.are_statements([text, "Maria likes it."]) == [states, True]
