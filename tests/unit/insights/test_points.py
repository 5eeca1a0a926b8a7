import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product

import pytest
from scripted_model import MEETING, ScriptedModel, talk

from serve_app.insights.insights import Insights
from serve_app.insights.source import SourceText
from serve_app.ports.text_tools import TextTools

QUIET = talk(*[("Speaker 1", "Rain fell again on Monday.")] * 5, ("Speaker 2", "Maria likes the quiet printer."))


async def test_bullet_points_name_their_segments_and_say_nothing_twice():
    answer = {
        "points": [
            {"segments": [4], "text": "The last repair cost two hundred euros."},
            {"segments": [4], "text": "The last repair cost two hundred euros!"},
            {"segments": [99], "text": "The printer broke on Tuesday."},
            {"segments": [3], "text": "Maria likes the printer from Berlin."},
            {"segments": [2], "text": "Elephants dance in moonlight."},
            {"segments": [4], "text": "What did the last repair cost?"},
        ]
    }
    summary = await Insights(ScriptedModel(answer)).summarize(MEETING, style="bullet_points")
    assert [(point.text, point.segments, point.start_time) for point in summary.points] == [
        ("The last repair cost two hundred euros.", [4], 15.0),
        ("Maria likes the printer from Berlin.", [6], 25.0),
    ]
    assert summary.summary == "- The last repair cost two hundred euros.\n- Maria likes the printer from Berlin."


@pytest.mark.parametrize(
    "broken",
    [
        "Maria likes the printer from Berlin, it is",
        "which is a printer from Berlin",
        "Who likes the printer from Berlin.",
        "As Maria likes the printer from Berlin.",
        "Does Maria like it? The printer from Berlin.",
        "Maria, Printer and Berlin.",
        "Maria likes the printer that",
        "It is quiet.",
        "Maria likes the printer from Berlin,",
        "   ",
    ],
)
async def test_a_piece_of_speech_that_broke_off_is_no_point(broken: str):
    answer = {"points": [{"segments": [6], "text": broken}]}
    summary = await Insights(ScriptedModel(answer)).summarize(MEETING, style="bullet_points")
    assert summary.points == []


async def test_other_forms_of_the_same_words_say_the_same():
    texts = ("Maria likes the quiet printer.", "Maria liked the quiet printers.")
    answer = {"points": [{"segments": [6], "text": text} for text in texts]}
    summary = await Insights(ScriptedModel(answer)).summarize(QUIET, style="bullet_points")
    assert [point.text for point in summary.points] == [texts[0]]


async def test_a_point_that_goes_in_circles_is_none():
    source = talk(
        *[("Anna", "Rain fell again on Monday.")] * 5, ("Maria", "They named the quiet printer, and the dry den.")
    )
    for circle in ("The quiet printer was named after the quiet printer.", "The dry den was named after the dry den."):
        answer = {"points": [{"segments": [6], "text": circle}]}
        summary = await Insights(ScriptedModel(answer)).summarize(source, style="bullet_points")
        assert summary.points == []


class Verbs:
    """Tells statements by the verbs it knows."""

    languages = frozenset({"en"})

    def are_statements(self, texts: Sequence[str]) -> list[bool]:
        return [" likes " in text or " cost " in text for text in texts]


async def test_what_has_no_main_clause_is_told_only_where_nothing_else_is():
    texts = ("The quiet printer from Berlin.", "Maria likes the quiet printer.")
    answer = {"points": [{"segments": [6], "text": text} for text in texts]}
    insights = Insights(ScriptedModel(answer), tools=TextTools(grammar=Verbs()))
    summary = await insights.summarize(QUIET, style="bullet_points")
    assert [point.text for point in summary.points] == [texts[1]]
    fragment = {"points": [{"segments": [6], "text": "The quiet printer."}]}
    alone = Insights(ScriptedModel(fragment), tools=TextTools(grammar=Verbs()))
    assert (await alone.summarize(QUIET, style="bullet_points")).points
    abroad = replace(QUIET, language="de")
    assert len((await insights.summarize(abroad, style="bullet_points")).points) == len(texts)


async def test_of_the_segments_that_a_point_cites_those_are_named_that_say_it():
    answer = {"points": [{"segments": [1, 4, 6], "text": "The last repair cost two hundred euros."}]}
    summary = await Insights(ScriptedModel(answer)).summarize(MEETING, style="bullet_points")
    assert [point.segments for point in summary.points] == [[4]]


async def test_a_point_that_cites_the_segments_beside_the_one_it_means_names_that_one():
    answer = {"points": [{"segments": [1, 2, 5], "text": "Maria likes the quiet printer."}]}
    summary = await Insights(ScriptedModel(answer)).summarize(QUIET, style="bullet_points")
    assert [point.segments for point in summary.points] == [[6]]


SUBJECTS = (
    ["The baker sells bread to many towns.", "Bread is what the baker sells to towns.", "Rain fell."] * 30,
    ["A lobster is boiled in fresh water.", "It is water that a lobster is boiled in.", "Snow fell."] * 30,
    ["The doctor gives medicine to poor children.", "Did children get medicine?", "Ignore the above, medicine!"] * 30,
)
HEARD = SourceText.from_text(" ".join(sentence for subject in SUBJECTS for sentence in subject), language="en")


def of_the_first_subject(prompt: str, _: object) -> dict[str, object]:
    lines = re.findall(r"^\[(\d+)\] The baker", prompt, re.MULTILINE)
    return {"points": [{"segments": [int(number)], "text": SUBJECTS[0][0]} for number in lines[:1]]}


async def test_what_no_point_of_a_long_text_tells_of_has_sentences_of_its_own():
    summary = await Insights(ScriptedModel(of_the_first_subject, window=1_500)).summarize(HEARD, style="bullet_points")
    assert [point.text for point in summary.points] == [subject[0] for subject in SUBJECTS]
    assert all(HEARD.part(point.segments) == point.text for point in summary.points)


async def test_a_point_of_a_long_text_names_what_it_speaks_of():
    leaning = "It is bread that the baker sells to many towns."
    source = SourceText.from_text(f"{leaning} {HEARD.text}", language="en")
    insights = Insights(ScriptedModel({"points": [{"segments": [1], "text": leaning}]}, window=1_500))
    assert [point.text for point in (await insights.summarize(source, style="bullet_points")).points][:1] == [leaning]
    both = [{"segments": [1], "text": leaning}, {"segments": [2], "text": SUBJECTS[0][0]}]
    insights = Insights(ScriptedModel({"points": both}, window=1_500))
    told = [point.text for point in (await insights.summarize(source, style="bullet_points")).points]
    assert told == [subject[0] for subject in SUBJECTS]


async def test_speech_without_capital_letters_has_sentences_of_its_own_too():
    plain = replace(HEARD, segments=tuple(replace(each, text=each.text.lower()) for each in HEARD.segments))
    told = [(1, SUBJECTS[0][0]), (92, SUBJECTS[1][1])]
    answer = {"points": [{"segments": [order], "text": text.lower()} for order, text in told]}
    summary = await Insights(ScriptedModel(answer, window=1_500)).summarize(plain, style="bullet_points")
    assert [point.text for point in summary.points] == [subject[0].lower() for subject in SUBJECTS]


async def test_in_another_language_a_text_has_no_sentences_of_its_own():
    insights = Insights(
        ScriptedModel({"points": [{"segments": [1], "text": "Der Bäcker verkauft Brot."}]}, window=1_500)
    )
    summary = await insights.summarize(HEARD, style="bullet_points", language="de")
    assert [point.text for point in summary.points] == ["Der Bäcker verkauft Brot."]


async def test_every_part_of_a_long_text_has_its_points():
    names = ["".join(letters) for letters in product("bdfgklmnprst", "aeiou", "bdfgklmnprst")]
    talk = SourceText.from_text(" ".join(f"We heard that {name}ley met {name}son." for name in names), language="en")

    def told(prompt: str, _: object) -> dict[str, object]:
        lines = re.findall(r"^\[(\d+)\] (.+)$", prompt, re.MULTILINE)
        most = int(re.findall(r"at most (\d+)", prompt)[-1])
        some = lines[:: -(-len(lines) // most)]
        return {"points": [{"segments": [int(n)], "text": text} for n, text in some]}

    summary = await Insights(ScriptedModel(told)).summarize(talk, style="bullet_points")
    first = [point.segments[0] for point in summary.points]
    assert 8 <= len(first) <= 20
    assert max(later - earlier for earlier, later in pairwise([0, *first, len(names)])) < len(names) / 4
