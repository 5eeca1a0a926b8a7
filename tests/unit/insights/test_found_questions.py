import pytest
from scripted_model import MEETING, ScriptedModel, talk

from serve_app.insights.insights import Insights
from serve_app.insights.results import Questions


async def test_questions_are_found_with_their_answers():
    answer = {"found": True, "segments": [4], "answer": "The last repair cost two hundred euros."}
    result = await Insights(ScriptedModel(answer)).analyze(MEETING, kind="questions")
    assert isinstance(result, Questions)
    (question,) = result.questions
    assert question.question == "How much did the last repair cost?"
    assert (question.answer, question.answer_segments) == ("The last repair cost two hundred euros.", [4])


async def test_a_question_that_nobody_answers_stays_open():
    for answer in (
        {"found": False, "segments": [4], "answer": "The last repair cost two hundred euros."},
        {"found": True, "segments": [4], "answer": "It was paid by the insurance of Peter."},
        {"found": True, "segments": [3], "answer": "How much did the last repair cost?"},
    ):
        result = await Insights(ScriptedModel(answer)).analyze(MEETING, kind="questions")
        assert isinstance(result, Questions)
        assert [question.answer for question in result.questions] == [None]


BETWEEN = [("Speaker 3", "The museum opens at nine."), ("Speaker 4", "Rain fell on Monday.")]


@pytest.mark.parametrize(
    ("behind", "answer", "answered"),
    [
        ([("Speaker 2", "Seven minutes.")], "Seven minutes.", True),
        ([("Speaker 1", "Seven minutes.")], "Seven minutes.", False),
        ([("Speaker 1", "Potatoes boil for seven minutes.")], "Seven minutes.", True),
        ([*BETWEEN, *BETWEEN, ("Speaker 2", "Seven minutes.")], "Seven minutes.", False),
        ([*BETWEEN, *BETWEEN, ("Speaker 2", "Potatoes take seven minutes.")], "Seven minutes.", True),
        ([("Speaker 2", "Yes, they do.")], "Yes", True),
        ([("Speaker 2", "They sometimes do.")], "Yes", False),
        ([("Speaker 2", "Until the fork goes in, my mother says.")], "Until the fork goes in.", True),
        ([("Speaker 2", "Put this in a pan and serve it with toast.")], "Put this in a pan.", False),
    ],
)
async def test_other_words_than_a_questions_answer_it_only_right_behind_it_from_others_and_as_replies_do(
    behind: list[tuple[str, str]], answer: str, answered: bool
):
    source = talk(("Speaker 2", "Yes."), ("Speaker 1", "How long do potatoes boil?"), *behind)
    script = {"found": True, "segments": [1, len(behind) + 2], "answer": answer}
    result = await Insights(ScriptedModel(script)).analyze(source, kind="questions")
    assert isinstance(result, Questions)
    (question,) = result.questions
    assert question.answer == (answer if answered else None)
    assert question.answer_segments == ([len(behind) + 2] if answered else [])


@pytest.mark.parametrize(
    ("reply", "answered"),
    [("Ireland.", False), ("Indeed.", True), ("2,000 years.", True), ("Three letters in the whole summer.", True)],
)
async def test_a_name_answers_only_what_asks_for_something(reply: str, answered: bool):
    source = talk(("Speaker 1", "Ever since the first mill in this country?"), ("Speaker 2", reply))
    script = {"found": True, "segments": [2], "answer": reply}
    result = await Insights(ScriptedModel(script)).analyze(source, kind="questions")
    assert isinstance(result, Questions)
    assert [question.answer for question in result.questions] == [reply if answered else None]


async def test_a_relative_clause_asks_nothing():
    source = talk(("Speaker 1", "which had run on in front, startled two"), ("Speaker 2", "who were innocent, you"))
    result = await Insights(ScriptedModel()).analyze(source, kind="questions")
    assert isinstance(result, Questions)
    assert result.questions == []


async def test_spoken_questions_need_no_mark_in_english():
    source = talk(("Speaker 1", "when is a lobster not a lobster"), ("Speaker 1", "When it rains, I stay here."))
    result = await Insights(ScriptedModel()).analyze(source, kind="questions")
    assert isinstance(result, Questions)
    assert [question.segment for question in result.questions] == [1]
