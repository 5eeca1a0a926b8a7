import pytest

from serve_app.insights.persons import missed_persons
from serve_app.ports.text_tools import TextSpan


def named(*texts: str, found: str = "") -> list[list[str]]:
    """Return the names missed, where the finder has found one name in the first text that has it."""
    spans: list[list[TextSpan]] = [[] for _ in texts]
    for n, text in enumerate(texts):
        if found and found in text:
            spans[n].append(TextSpan(start=text.index(found), end=text.index(found) + len(found), kind="PERSON"))
            break
    missed = missed_persons(texts, spans)
    return [[text[span.start : span.end] for span in each] for text, each in zip(texts, missed, strict=True)]


def test_a_person_who_was_found_once_is_found_everywhere():
    assert named("I am Lena Hoffmann.", "So Lena said.", "Lena Hoffmann's desk", found="Lena Hoffmann") == [
        [],
        ["Lena"],
        ["Lena Hoffmann"],
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Great. Then the offline mode. Priya, how far is it?", "Priya"),
        ("Tom, please sign the contract.", "Tom"),
        ("Thank you, Samuel. See you.", "Samuel"),
        ("Hello Aylin, nice to see you.", "Aylin"),
    ],
)
def test_whoever_is_spoken_to_is_a_person(text: str, name: str):
    assert named(text) == [[name]]


@pytest.mark.parametrize(
    "text",
    [
        "Okay, how far is it?",
        "Honestly, what is this? Sure, I can do that.",
        "Thank you, Monday. Well, what do you think?",
        "Dogs, what do they eat? All dogs eat meat.",
        "Thanks for the report.",
    ],
)
def test_nobody_is_named_by_other_words(text: str):
    assert named(text) == [[]]


def test_a_name_that_is_also_a_word_is_left_alone():
    assert named("Will Smith is here.", "Will you come? I will.", found="Will Smith") == [[], []]
