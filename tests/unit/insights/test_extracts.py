import pytest

from serve_app.insights.extracts import central_along, most_central
from serve_app.insights.source import SourceText

STATEMENTS = [
    "A lobster was boiled.",
    "The printing of books began in the fifteenth century.",
    "Somebody heard a voice.",
    "Towns far away learned the craft of printing and sold its products.",
    "The dinner was magnificent.",
    "Craft and products of the fifteenth century are shown in museums of these towns.",
]


def central(statements: list[str], count: int, *, language: str = "en", beside: list[str] | None = None) -> list[str]:
    return central_along(statements, count=count, text=str, language=language, beside=beside or [])


def test_the_statements_that_others_repeat_stand_for_the_stretches_of_a_text():
    assert central(STATEMENTS, 3) == [STATEMENTS[1], STATEMENTS[3], STATEMENTS[5]]
    assert central(STATEMENTS, 1) == [STATEMENTS[5]]
    assert central(STATEMENTS, 0) == []


def test_a_stretch_that_has_nothing_central_may_be_passed_over():
    found = central_along(STATEMENTS, count=6, text=str, language="en", least=0.7)
    assert found == [STATEMENTS[1], STATEMENTS[3], STATEMENTS[5]]
    assert central_along([], count=6, text=str, language="en", least=0.7) == []


def test_nothing_is_said_that_others_say():
    beside = ["It tells how towns learned the craft of printing."]
    assert central(STATEMENTS[1:4], 1, beside=beside) == [STATEMENTS[1]]
    assert central(["Printing spread."] * 4, 4) == ["Printing spread."]


def test_a_sentence_that_needs_the_one_before_it_is_chosen_last():
    leaning = "It began in the fifteenth century with the printing of books."
    alone = "Printing of books spread in Germany."
    assert central([leaning, alone], 1) == [alone]
    assert central([leaning, alone], 1, language="de") == [leaning]
    assert central([leaning], 1) == [leaning]
    assert central(["the printing of books in Germany spread.", alone], 1, language="de") == [alone]
    assert most_central(SourceText.from_text(f"{leaning} {alone}", language="en"), count=1) == [alone]


@pytest.mark.parametrize(
    ("sentence", "chosen"),
    [
        ("All of which printing of books began in the fifteenth century.", False),
        ("Put this in a pot for the printing of many books.", False),
        ("When it came to the printing of many books, he left.", False),
        ("Has never been so good for the printing of many books.", False),
        ("Use this method for the printing of many books.", True),
    ],
)
def test_what_it_speaks_of_may_be_named_behind_its_first_word(sentence: str, chosen: bool):
    alone = "Printing spread."
    assert (central([sentence, alone], 1) == [sentence]) is chosen
