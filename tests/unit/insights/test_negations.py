import pytest

from serve_app.insights.negations import Negations
from serve_app.insights.source import SourceText

TEXT = (
    "Many contend that its meat is not so delicate in flavor as that of its eastern cousin. "
    "The Roman letter came up not only in Italy, but in Germany and France. "
    "Although Peter could not stay in Leipzig, Maria sold the yellow house. "
    "Don't forget to send the signed contract to Berlin. We never opened the northern warehouse. "
    "I don't think, Mr. Hale, that you have done right in introducing such a person. "
    "The printer is fast and quiet. A lobster from San Francisco is not a lobster, but a crayfish. "
    "The shop failed to deliver the blue curtains. It's a lovely garden party, isn't it? The child almost hurt the "
    "small dog. Almost all guests ordered grey soup. Among college graduates, a failure is very rare. "
    "She rarely visited the southern harbour."
)


@pytest.mark.parametrize(
    ("statement", "turned"),
    [
        ("It is known for its delicate and flavorful meat.", True),
        ("Its meat is not so delicate in flavor.", False),
        ("Its meat lacks a delicate flavor.", False),
        ("The Roman letter came up in Germany and France.", False),
        ("Maria sold the yellow house.", False),
        ("Peter stays in Leipzig.", True),
        ("Maria did not sell the yellow house.", True),
        ("Send the signed contract to Berlin.", False),
        ("The northern warehouse was opened.", True),
        ("The northern warehouse stayed unopened.", False),
        ("Mr. Hale has done right in introducing such a person.", True),
        ("The printer is not fast and quiet.", True),
        ("A lobster from San Francisco is a crayfish.", False),
        ("The shop did not deliver the blue curtains.", False),
        ("It is a lovely garden party.", False),
        ("The child hurt the small dog.", True),
        ("The guests ordered grey soup.", False),
        ("It mentions the failure of college graduates.", True),
        ("A failure is rare among college graduates.", False),
        ("Few college graduates are a failure.", False),
        ("She visited the southern harbour.", True),
        ("Nobody mentioned elephants in the zoo.", False),
    ],
)
def test_a_statement_is_turned_where_the_text_says_it_only_the_other_way(statement: str, turned: bool):
    assert Negations(SourceText.from_text(TEXT, language="en")).turned(statement) is turned


def test_what_a_text_says_both_ways_may_be_told_either_way():
    source = SourceText.from_text("The northern bridge is open. The northern bridge is not open.", language="en")
    assert not Negations(source).turned("The northern bridge is open.")
    assert not Negations(source).turned("The northern bridge is not open.")


def test_other_languages_have_no_such_rules():
    assert not Negations(SourceText.from_text(TEXT, language="de")).turned("The northern warehouse was opened.")
