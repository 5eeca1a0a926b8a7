import re

import pytest
from scripted_model import MEETING, ScriptedModel, talk

from serve_app.insights.insights import Insights
from serve_app.insights.settings import InsightsSettings


async def test_quotes_are_verbatim_with_speaker_and_time():
    answer = {
        "quotes": [
            {"segment": 6, "quote": "the last repair cost two hundred euros"},
            {"segment": 1, "quote": "We shall never give up the printer"},
        ]
    }
    result = await Insights(ScriptedModel(answer)).generate(MEETING, kind="key_quotes")
    (quote,) = result.quotes
    assert (quote.text, quote.segments) == ("The last repair cost two hundred euros.", [4])
    assert (quote.speaker, quote.start_time) == ("Speaker 2", 15.0)
    assert result.content == "> The last repair cost two hundred euros.\n> — Speaker 2"


async def test_of_many_quotes_each_stretch_gives_the_one_whose_words_the_others_repeat():
    names = [f"{one}{other}lin" for one in "bdfgkmnprstv" for other in "ae"]
    told = [f"{name.title()} saw the printer of {name[::-1]}ov." for name in names[::2]]
    asides = [f"{name.title()} met {name[::-1]}ov." for name in names[1::2]]
    source = talk(*[("Anna", text) for pair in zip(told, asides, strict=True) for text in pair])

    def quoted(prompt: str, _: object) -> dict[str, object]:
        orders = [int(n) for n in re.findall(r"^\[(\d+)\]", prompt, re.MULTILINE)]
        return {"quotes": [{"segment": n, "quote": source.segments[n - 1].text} for n in orders]}

    small = InsightsSettings(window_tokens=64, overlap_tokens=0)
    result = await Insights(ScriptedModel(quoted), settings=small).generate(source, kind="key_quotes")
    assert [quote.text for quote in result.quotes] == told


async def test_a_quiz_has_four_options_of_which_the_text_bears_the_right_one():
    good = {
        "segments": [4],
        "question": "How much did the last repair cost?",
        "right_answer": "two hundred euros",
        "wrong_answers": ["ten euros", "a thousand euros", "nothing"],
    }
    bad = [
        good | {"right_answer": "Peter's elephant", "question": "Who repaired the printer last?"},
        good | {"wrong_answers": ["ten euros", "Ten euros", "nothing"], "question": "What did the last repair cost?"},
        good | {"segments": [], "question": "How many euros did the last repair cost?"},
        good | {"right_answer": "Yes", "wrong_answers": ["No", "Maybe", "Not sure"]},
        good | {"question": "Did the last repair cost two hundred euros?"},
        good | {"question": "What did the company repair?", "right_answer": "Cost lions"},
        good | {"question": "Which animals live in the northern forests?"},
    ]
    result = await Insights(ScriptedModel({"questions": [good, *bad]})).generate(MEETING, kind="quiz")
    (question,) = result.quiz
    assert question.options[question.answer_index] == "two hundred euros"
    assert len(set(question.options)) == 4
    assert question.segments == [4]


async def test_flashcards_answer_from_the_text():
    cards = [
        {"segments": [6], "question": "Which printer does Maria like?", "answer": "the printer from Berlin"},
        {"segments": [6], "question": "Which printer does Maria hate?", "answer": "anything Japanese"},
        {"segments": [6], "question": "Who likes the printer from Berlin?", "answer": "The printer from Berlin."},
        {
            "segments": [6],
            "question": "Is it that Maria likes the printer?",
            "answer": "It is a printer that Maria likes.",
        },
        {"segments": [1, 6], "question": "How fast is the printer from Berlin?", "answer": "It broke on Tuesday."},
        {"segments": [6], "question": "Why?", "answer": "It is fast and quiet."},
    ]
    result = await Insights(ScriptedModel({"cards": cards})).generate(MEETING, kind="flashcards")
    assert [card.answer for card in result.flashcards] == ["the printer from Berlin"]


async def test_a_card_stands_on_one_segment_or_behind_a_question_and_who_speaks_is_no_answer():
    source = talk(
        ("Speaker 1", "The first books were printed in black letter. " + "Black letter is narrow. " * 12),
        ("Speaker 2", "Lobsters are boiled in salted water. " + "Salted water is heavy. " * 12),
        ("Speaker 3", "How many lobsters escaped from the kitchen?"),
        ("Speaker 4", "Seven animals."),
    )
    cards = [
        {"segments": [2], "question": "In which letter were the first books printed?", "answer": "Salted water."},
        {"segments": [2], "question": "Who says that lobsters are boiled in salted water?", "answer": "Speaker 2"},
        {"segments": [4], "question": "How many lobsters escaped from the kitchen?", "answer": "Seven animals."},
    ]
    result = await Insights(ScriptedModel({"cards": cards})).generate(source, kind="flashcards")
    assert [card.answer for card in result.flashcards] == ["Seven animals."]


async def test_a_card_neither_names_its_thing_again_nor_calls_a_sentence_a_name():
    source = talk(
        ("Speaker 1", "The first chocolate mill in this country stood in Dublin. The first mill was the Brown Mill."),
        ("Speaker 2", "The first books were printed in black letter, which is narrow."),
    )
    cards = [
        {
            "segments": [1],
            "question": "What was the first chocolate mill?",
            "answer": "The first chocolate mill in Dublin.",
        },
        {"segments": [1], "question": "What was the first mill?", "answer": "The first mill was the Brown Mill."},
        {
            "segments": [2],
            "question": "What is the name of the first books?",
            "answer": "The first books were printed in black letter, which is narrow.",
        },
        {"segments": [2], "question": "What is the narrow letter called?", "answer": "Black letter of books."},
    ]
    result = await Insights(ScriptedModel({"cards": cards})).generate(source, kind="flashcards")
    assert [card.answer for card in result.flashcards] == [cards[1]["answer"], cards[3]["answer"]]


async def test_a_card_asks_what_can_be_understood_without_the_text():
    answer = "The printer from Berlin."
    cards = [
        {"segments": [6], "question": "What does Maria like about this?", "answer": answer},
        {"segments": [6], "question": "Which of these fast machines does Maria like?", "answer": answer},
    ]
    result = await Insights(ScriptedModel({"cards": cards})).generate(MEETING, kind="flashcards")
    assert [card.question for card in result.flashcards] == [cards[1]["question"]]


@pytest.mark.parametrize(("other", "kept"), [("two hundred", 0), ("twelve hundred euros", 1)])
async def test_a_quiz_has_no_option_that_is_a_part_of_the_right_one(other: str, kept: int):
    asked = {
        "segments": [4],
        "question": "How much did the last repair cost?",
        "right_answer": "two hundred euros",
        "wrong_answers": [other, "a thousand euros", "nothing"],
    }
    result = await Insights(ScriptedModel({"questions": [asked]})).generate(MEETING, kind="quiz")
    assert len(result.quiz) == kept
