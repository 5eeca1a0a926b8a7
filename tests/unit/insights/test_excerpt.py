"""Long texts: read whole once, and only what their points cite again."""

from scripted_model import MEETING, ScriptedModel, by_task, talk, work_on

from serve_app.insights.excerpt import excerpt_of
from serve_app.insights.insights import Insights
from serve_app.insights.kept import KeptAnswers

FACT = "The wizard visits town number 50."
LONG = talk(
    *[("Speaker 1", f"The wizard visits town number {n}. {'He walks on and on and on. ' * 12}") for n in range(1, 200)]
)
POINTS = {"points": [{"segments": [50], "text": FACT}]}


def tasks(model: ScriptedModel, words: str) -> list[str]:
    return [prompt for prompt in model.prompts if words in prompt.rpartition("</text>")[2]]


async def test_an_excerpt_keeps_the_numbers_times_and_neighbours_of_what_the_points_cite():
    excerpt = await excerpt_of(work_on(LONG, ScriptedModel(POINTS)))
    assert excerpt.source.segments == LONG.segments[48:51]


async def test_a_short_text_is_its_own_excerpt_and_costs_nothing():
    model = ScriptedModel(POINTS)
    work = work_on(MEETING, model)
    assert await excerpt_of(work) is work
    assert model.prompts == []


async def test_without_points_the_whole_text_is_read():
    work = work_on(LONG, ScriptedModel({}))
    assert await excerpt_of(work) is work


async def test_quotes_of_a_long_text_are_chosen_from_the_excerpt_with_the_numbers_of_the_text():
    quotes = {"quotes": [{"segment": 50, "quote": FACT}]}
    model = ScriptedModel(by_task(main_points=POINTS, telling_quotes=quotes))
    (quote,) = (await Insights(model).generate(LONG, kind="key_quotes")).quotes
    assert (quote.text, quote.segments, quote.start_time) == (FACT, [50], 245.0)
    (asked,) = tasks(model, "telling quotes")
    assert "[49]" in asked
    assert "[52]" not in asked


async def test_another_kind_of_a_long_text_reads_only_the_excerpt():
    model = ScriptedModel(by_task(main_points=POINTS))
    insights = Insights(model, kept=KeptAnswers({}))
    await insights.generate(LONG, kind="flashcards")
    whole = len(tasks(model, "main points"))
    assert whole > 12
    before = len(model.prompts)
    await insights.generate(LONG, kind="quiz")
    await insights.analyze(LONG, kind="topics")
    assert len(model.prompts) - before == 2


async def test_windows_of_a_long_text_are_asked_for_fewer_chapters():
    for source, most in ((MEETING, 5), (LONG, 2)):
        model = ScriptedModel({})
        await Insights(model).generate(source, kind="chapter_markers")
        assert {options.json_schema["properties"]["chapters"]["maxItems"] for options in model.options} == {most}
