import pytest
from scripted_model import ScriptedModel

from serve_app.insights.insights import Insights
from serve_app.insights.proposals import Proposals
from serve_app.insights.source import SourceText

TALK = (
    "Marketing wanted to raise the price to 5.99. The agency quoted 1,200 euros for the texts and we take the offer. "
    "I would like to have it by March 14. The release is on March 28. We could move it to March 28 with the search. "
    "Could you print 20 copies? The fair is on May 12."
)
SOURCE = SourceText.from_text(TALK, language="en")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("The price of the subscription is set to 5.99.", True),
        ("The price will be 5.99 from March 28 on.", True),
        ("The release is on March 14.", True),
        ("Marketing wanted to raise the price to 5.99.", False),
        ("It was discussed whether the price should be 5.99.", False),
        ("The release is on March 28.", False),  # somebody said so outright
        ("The agency quoted 1,200 euros.", False),
        ("The fair is on May 12.", False),
        ("Print 20 copies.", False),  # a request is no proposal
        ("The price was talked about.", False),
        ("The problem of the price was resolved.", True),  # nobody says that it has come to an end
        ("The texts were printed.", False),
    ],
)
def test_what_was_only_proposed_is_not_settled(statement: str, told: bool):
    assert Proposals(SOURCE).told_as_settled(statement) is told


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("Three letters in the whole summer.", True),
        ("Hardly anybody. It was quiet.", True),
        ("Yes, three of them.", False),
        ("Well, they did, all summer.", False),
        ("You would not believe it. Of course.", False),
        ("The people of the street complained about the dark.", False),
    ],
)
def test_what_was_only_asked_is_not_settled(reply: str, told: bool):
    source = SourceText.from_text(
        f"Did the people of the street complain? {reply} Now to the hedgehogs.", language="en"
    )
    assert Proposals(source).told_as_settled("The people of the street complained.") is told


@pytest.mark.parametrize(
    ("talk", "statement"),
    [
        ("Why does the noctule have a hard time? It sleeps in trees.", "The noctule has a hard time."),
        ("Will you print the twenty posters? On Monday.", "Print the twenty posters."),
        ("Isn't the small garden beautiful? Look here.", "The small garden is beautiful."),
        ("Did the team move to Leipzig? In March.", "The team moved to Leipzig in March."),
        ("Did the whole team complain? No.", "Did the whole team complain?"),
        ("Did they complain? No.", "They complained."),  # of one word too little is known
    ],
)
def test_a_question_may_say_what_is_so(talk: str, statement: str):
    assert not Proposals(SourceText.from_text(talk, language="en")).told_as_settled(statement)


def test_other_languages_are_left_alone():
    assert not Proposals(SourceText.from_text(TALK, language="de")).told_as_settled("The price is 5.99.")


async def test_a_summary_leaves_a_proposal_told_as_settled_out():
    model = ScriptedModel("The price is raised to 5.99. The agency quoted 1,200 euros for the texts.")
    source = SourceText.from_text(TALK + " The texts are those of the agency, as ever." * 6, language="en")
    summary = await Insights(model).summarize(source)
    assert "The agency quoted 1,200 euros for the texts." in summary.summary
    assert "raised" not in summary.summary
