import json
from dataclasses import dataclass

from scripted_model import ScriptedModel, by_task

from serve_app.insights.chat import Exchange, search_query
from serve_app.insights.insights import Insights
from serve_app.insights.results import Answer
from serve_app.ports.language import TextDelta
from serve_app.ports.passages import Line


@dataclass(frozen=True, kw_only=True)
class Passage:
    context: tuple[Line, ...]
    score: float
    similarity: float


def passage(first: int, *texts: str, score: float = 0.7) -> Passage:
    lines = tuple(
        Line(order=order, start_s=order * 10.0, end_s=order * 10.0 + 8, text=text, speaker=0)
        for order, text in enumerate(texts, start=first)
    )
    return Passage(context=lines, score=score, similarity=score)


FOUND = [
    passage(7, "The budget is four thousand euros.", "Anna pays it from the travel fund.", score=0.8),
    passage(2, "We meet in Lisbon in May.", score=0.5),
]


async def test_an_answer_names_the_segments_it_stands_on():
    model = ScriptedModel({"found": True, "segments": [7], "answer": "The budget is 4000 euros."})
    answer = await Insights(model).answer("What is the budget?", FOUND, language="en")
    assert answer.found
    assert answer.answer == "The budget is 4000 euros."
    (source,) = answer.sources
    assert (source.segment_order, source.score, source.start_time) == (7, 0.8, 70.0)
    assert source.text == "The budget is four thousand euros."


async def test_the_passages_are_read_in_the_transcripts_order_each_line_once():
    model = ScriptedModel({"found": False, "segments": [], "answer": ""})
    await Insights(model).answer("When?", [*FOUND, FOUND[0]], language="en")
    (prompt,) = model.prompts
    assert prompt.index("[2]") < prompt.index("[7]") < prompt.index("[8]")
    assert prompt.count("[7]") == 1


async def test_an_answer_arrives_while_it_is_being_written():
    text = 'The budget is "four thousand" euros.\nAnna pays it — from the travel fund.'
    model = ScriptedModel(json.dumps({"found": True, "segments": [7, 8], "answer": text}))
    events = [event async for event in Insights(model).stream_answer("What is the budget?", FOUND, language="en")]
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(deltas) == 2
    assert "".join(deltas) == text
    assert isinstance(events[-1], Answer)
    assert events[-1].answer == text
    assert [source.segment_order for source in events[-1].sources] == [7, 8]


async def test_what_the_model_does_not_find_is_not_in_the_transcript():
    model = ScriptedModel({"found": False, "segments": [7], "answer": "The budget is four thousand euros."})
    answer = await Insights(model).answer("Who won the match?", FOUND, language="fr")
    assert (answer.found, answer.answer, answer.sources) == (False, "La transcription ne le dit pas.", [])
    assert model.closed_early == 1


async def test_what_the_model_makes_up_is_not_in_the_transcript():
    model = ScriptedModel({"found": True, "segments": [7], "answer": "Brazil defeated Germany in the final."})
    answer = await Insights(model).answer("Who won the match?", FOUND, language="en")
    assert (answer.found, answer.answer) == (False, "The transcript does not say.")


async def test_an_answer_to_something_else_is_not_one():
    beside = {"found": True, "segments": [7], "answer": "The budget is four thousand euros."}
    for verdict, found in (("no", False), ("yes", True)):
        model = ScriptedModel(by_task(give_what={"answers": verdict}, answer_the_question=beside))
        answer = await Insights(model).answer("Who is the mayor of Lisbon?", FOUND, language="en")
        assert answer.found is found
        assert ("budget" in answer.answer) is found


FENCE = [passage(4, "Leave a gap under the fence, thirteen centimetres are enough.", "Next week we talk about owls.")]


async def test_a_number_about_what_was_asked_answers_a_question_for_a_quantity():
    script = by_task(
        give_what={"answers": "no"},
        answer_the_question={
            "found": True,
            "segments": [4],
            "answer": "Under the fence thirteen centimetres are enough.",
        },
    )
    answer = await Insights(ScriptedModel(script)).answer("How large must a fence's gap be?", FENCE, language="en")
    assert "thirteen" in answer.answer


async def test_of_two_numbers_side_by_side_the_one_that_was_asked_for_is_given():
    beside = {"found": True, "segments": [4], "answer": "A hedgehog walks two kilometres in a night."}
    both = "Leave a gap under the fence, thirteen centimetres are enough. A hedgehog walks two kilometres in a night."
    found = [passage(4, both, "Next week we talk about owls.")]
    for question, right in (
        ("How large must the gap under a fence be for a hedgehog?", "thirteen"),
        ("How far does a hedgehog walk in a night?", "two"),
    ):
        answer = await Insights(ScriptedModel(beside)).answer(question, found, language="en")
        assert right in answer.answer
        assert [source.segment_order for source in answer.sources] == [4]


async def test_a_question_for_a_quantity_is_not_answered_without_one_unseen():
    beside = {"found": True, "segments": [5], "answer": "Next week we talk about owls."}
    for verdict, found in (("no", False), ("yes", True)):
        model = ScriptedModel(by_task(give_what={"answers": verdict}, answer_the_question=beside))
        events = [event async for event in Insights(model).stream_answer("How many owls?", FENCE, language="en")]
        assert events[-1].found is found
        assert any("owls" in event.text for event in events[:-1]) is found


async def test_passages_that_are_far_off_are_not_shown_to_the_model():
    model = ScriptedModel({"found": True, "segments": [1], "answer": "The budget is four thousand euros."})
    answer = await Insights(model).answer("Who won?", [passage(1, "Hello.", score=0.05)], language="en")
    assert not answer.found
    assert model.prompts == []


async def test_earlier_questions_are_told_and_searched_with():
    history = [Exchange(question="What is the budget?", answer="Four thousand euros.")]
    model = ScriptedModel({"found": True, "segments": [8], "answer": "Anna pays it."})
    await Insights(model).answer("Who pays it?", FOUND, history, language="en")
    assert "Q: What is the budget?\nA: Four thousand euros." in model.prompts[0]
    assert search_query("Who pays it?", history) == "What is the budget? Who pays it?"
    assert search_query("Where does the project team meet next May?", history).startswith("Where")
