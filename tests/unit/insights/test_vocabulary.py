import pytest

from serve_app.insights.spoken_numbers import spoken_numbers
from serve_app.insights.vocabulary import Vocabulary, alike, content_words


@pytest.mark.parametrize(
    ("spoken", "digits"),
    [
        ("in fourteen sixty two", "1462"),
        ("nineteen ninety", "1990"),
        ("two hundred and five euros", "205"),
        ("twenty one", "21"),
        ("three thousand four hundred", "3400"),
        ("the fifteenth century", "15"),
        ("one or two people", "2"),
    ],
)
def test_numbers_in_words_are_read(spoken: str, digits: str):
    assert digits in spoken_numbers(spoken.split())


def test_a_statement_is_supported_by_the_forms_of_its_words():
    vocabulary = Vocabulary(["The printers were cooking lobsters in Berlin."], language="en")
    assert vocabulary.support("A printer cooked a lobster.") == 1.0
    assert vocabulary.support("Astronauts landed yesterday.") == 0.0
    assert vocabulary.support("The cat sat.") == 1.0  # says nothing that could be checked


def test_numbers_and_names_that_a_text_does_not_have_are_inventions():
    vocabulary = Vocabulary(["Maria paid twelve hundred euros, 3.50 for the stamp."], language="en")
    assert vocabulary.invented("Maria paid 1,200 euros and 3.5 for it.") == []
    assert vocabulary.invented("Maria paid 900 euros.") == ["900"]
    assert vocabulary.invented("The stamp was for Peter.") == ["Peter"]
    assert vocabulary.invented("Speaker 2 paid.") == []


def test_every_letter_counts_where_words_are_not_spaced():
    assert content_words("東京の天気") == list("東京の天気")
    assert Vocabulary(["東京の天気は晴れです"]).support("東京の天気") == 1.0


def test_two_statements_are_alike_by_the_words_they_share():
    assert alike("Call the repair company", "call the repair company!") == 1.0
    assert alike("Call the repair company", "Buy bread") == 0.0
