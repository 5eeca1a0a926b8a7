import pytest
from scripted_model import ScriptedModel, talk

from serve_app.insights.attribution import Attribution
from serve_app.insights.insights import Insights

TALK = talk(
    ("Speaker 1", "We had a similar problem last year, I can show you the code."),
    ("Speaker 2", "Yes please, that would help. Could you send me the link this afternoon?"),
    ("Speaker 1", "Sure, I'll do it after lunch."),
    ("Speaker 2", "I write to the shops on Friday."),
    ("Speaker 3", "The landlord knows about the coffee machine."),
)


def test_a_sentence_that_runs_from_one_speakers_words_into_anothers_is_nobodys():
    one, other = "I write to the shops on Friday", "the landlord knows about the coffee machine"
    assert not Attribution(TALK).holds(f"{one}, and {other}.")
    assert Attribution(TALK).holds(f"{one}. {other.capitalize()}.")
    assert Attribution(TALK).holds(f"{one}, since that is when the landlord comes.")


@pytest.mark.parametrize(
    "right",
    [
        "Speaker 1 will send the link this afternoon.",
        "Speaker 2 asked for the link.",
        "Speaker 2 will write to the shops on Friday.",
        "Speaker 3 says that the landlord knows about the coffee machine.",
        "The link is sent this afternoon.",
        "Speaker 1 and Speaker 2 talked about the link and the shops.",
    ],
)
def test_what_a_speaker_said_or_was_asked_is_that_speakers(right: str):
    assert Attribution(TALK).holds(right)


@pytest.mark.parametrize(
    "wrong",
    [
        "Speaker 2 will send the link this afternoon.",
        "Speaker 3 will write to the shops on Friday.",
        "Speaker 1 says that the landlord knows about the coffee machine.",
    ],
)
def test_what_another_speaker_said_or_takes_on_is_not(wrong: str):
    assert not Attribution(TALK).holds(wrong)


def test_whoever_is_called_by_name_is_the_one_who_speaks_next():
    attribution = Attribution(
        talk(
            ("Speaker 2", "I will move the button above the keyboard."),
            ("Speaker 1", "Great. Then the maps. Priya, how far are they?"),
            ("Speaker 4", "The download works, the search is missing."),
        )
    )

    assert attribution.holds("Priya says that the search is missing.")
    assert not attribution.holds("Priya moves the button above the keyboard.")


def test_a_question_is_of_whoever_asked_it():
    attribution = Attribution(
        talk(("Speaker 1", "Did the neighbours complain?"), ("Speaker 2", "Three letters in the whole summer."))
    )
    assert attribution.holds("Speaker 1 asks if the neighbours complained.")
    assert attribution.holds("Speaker 2 says that the neighbours complained.")
    assert not attribution.holds("Speaker 2 asks if the neighbours complained.")


async def test_a_summary_gives_no_task_to_the_wrong_speaker():
    lines = [(f"Speaker {1 + n % 3}", f"The report of region number {n} is complete and was sent.") for n in range(9)]
    source = talk(*((each.speaker or "", each.text) for each in TALK.segments), *lines)
    model = ScriptedModel("Speaker 2 will send the link this afternoon. Speaker 1 can show the code.")
    summary = await Insights(model).summarize(source)

    assert "Speaker 1 can show the code." in summary.summary
    assert "afternoon" not in summary.summary
