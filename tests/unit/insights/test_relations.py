import pytest

from serve_app.insights.relations import Relations
from serve_app.insights.source import SourceSegment, SourceText

TEXT = (
    "The crash rate went down after the fix in the last version. Your team has switched off street lamps in summer. "
    "We walk the same nine routes every summer. My neighbour paints the old garden fence. "
    "He paints the old garden fence. We leave it open until the next meeting."
)


@pytest.mark.parametrize(
    ("clause", "broken"),
    [
        ("The rate went down after the fix in the last version.", False),
        ("The lamps were switched off after a meeting.", True),
        ("The price is left open until the next meeting.", False),
        ("The price was raised before the next meeting.", True),
        ("The rate went down after that.", False),
        ("The city switched off street lamps in summer.", True),
        ("The team switched off street lamps in summer.", False),
        ("Samuel switched off street lamps in summer.", False),  # names are checked by who speaks
        ("The team walks the same nine routes.", False),
        ("The biologists walk the same nine routes.", False),  # `we` may be they
        ("Both are the neighbours.", True),
        ("They are the lamps of the street.", False),
        ("The gardener paints the old garden fence.", False),  # so may `he`
    ],
)
def test_a_time_a_doer_or_a_number_that_no_sentence_has_breaks_the_relation(clause: str, broken: bool):
    assert Relations(SourceText.from_text(TEXT, language="en")).broken(clause) is broken


def test_other_languages_have_no_such_rules():
    assert not Relations(SourceText.from_text(TEXT, language="de")).broken("The city switched off street lamps in May.")


@pytest.mark.parametrize(
    ("clause", "broken"),
    [
        ("It begins with a recipe for thick letters.", True),
        ("It begins with a recipe for a thick sauce.", False),
        ("It is about beautiful printed letters.", False),
        ("Letters that are thick were printed.", False),  # not said of one another
        ("The book mentions beautiful cousins.", False),  # a word that the text does not have is another check's
        ("The recipe's letters are printed.", False),
        ("It was Sauce Letters that printed it.", False),
    ],
)
def test_words_are_joined_only_where_somebody_says_them_near_one_another(clause: str, broken: bool):
    said = (
        ("A", "Stir the sauce until it is thick."),
        ("A", "Keep to the recipe."),
        ("B", "Printed letters should be beautiful."),
        ("A", "Serve it with toast."),
    )
    segments = tuple(SourceSegment(order=at, text=text, speaker=who) for at, (who, text) in enumerate(said, 1))
    assert Relations(SourceText(segments=segments, language="en")).broken(clause) is broken
