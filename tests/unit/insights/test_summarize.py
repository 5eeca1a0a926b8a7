import re
from contextlib import aclosing

from scripted_model import MEETING, ScriptedModel, by_task, talk

from serve_app.insights.insights import Insights
from serve_app.insights.kept import KeptAnswers
from serve_app.insights.negations import Negations
from serve_app.insights.passages import Passages
from serve_app.insights.prose import Gate
from serve_app.insights.results import Summary
from serve_app.insights.source import SourceText
from serve_app.insights.vocabulary import Vocabulary
from serve_app.ports.language import TextDelta

LONG = SourceText.from_text(
    " ".join(f"In chapter {n} the wizard visits town number {n} and buys {n} apples there." for n in range(1, 200)),
    language="en",
)
POINTS = {"points": [{"segments": [1], "text": "The wizard visits town number 1."}]}


async def test_prose_is_streamed_sentence_by_sentence_and_given_whole_at_the_end():
    model = ScriptedModel("The printer broke on Tuesday. Speaker 2 will call the repair company [2].")
    events = [event async for event in Insights(model).stream_summary(MEETING)]
    assert [event.text for event in events[:-1] if isinstance(event, TextDelta)] == [
        "The printer broke on Tuesday. ",
        "Speaker 2 will call the repair company.",
    ]
    assert isinstance(events[-1], Summary)
    assert events[-1].summary == "The printer broke on Tuesday. Speaker 2 will call the repair company."


async def test_sentences_that_the_text_does_not_bear_are_left_out():
    model = ScriptedModel(
        "The printer broke on Tuesday. The astronauts landed safely near Houston. The repair cost 900 euros. "
        "Maria and Peter like the printer from Berlin. The last repair cost 200 euros."
    )
    summary = (await Insights(model).summarize(MEETING)).summary
    assert summary.startswith("The printer broke on Tuesday. The last repair cost 200 euros.")
    assert not re.search("astronauts|900|Peter", summary)


async def test_what_is_made_up_about_a_thing_that_a_text_names_is_left_out():
    model = ScriptedModel(
        "Maria likes the printer from Berlin because the printer from Berlin has developed a unique design. "
        "The printer from Berlin is a popular choice. The printer from Berlin is fast and quiet."
    )
    summary = (await Insights(model).summarize(MEETING)).summary
    assert summary.startswith("The printer from Berlin is fast and quiet.")
    assert not re.search("unique|popular", summary)


def test_a_sentence_whose_words_another_told_is_said_once():
    gate = Gate(
        Vocabulary(["The recording is of a talk. Metal letters were invented in Mainz, and printing spread."]),
        same_language=True,
    )
    assert gate.passes("It also mentions that metal letters were invented in Mainz and printing spread.")
    assert not gate.passes("The recording also mentions that in Mainz metal letters were invented, and printing.")
    assert gate.passes("Printing spread.")
    assert gate.repeats == 1


def test_words_that_a_text_has_far_apart_are_no_statement_of_it():
    facts = ["The doctor prepared coffee.", "Lobsters escaped.", "Elephants sleep.", "Trains stopped in Leipzig."]
    source = SourceText.from_text(" Rain fell. It went on and on. ".join(facts))
    passages = Passages(segment.text for segment in source.segments)
    gate = Gate(Vocabulary([source.text]), same_language=True, passages=passages)
    assert gate.passes("The doctor prepared coffee, lobsters escaped and elephants sleep.")
    assert not gate.passes("Elephants escaped to the doctor in Leipzig.")


def test_what_a_text_denies_is_no_clause_of_its_summary():
    source = SourceText.from_text(
        "The child almost hurt the small dog. The administration stopped picketing.", language="en"
    )
    gate = Gate(Vocabulary([source.text]), same_language=True, negations=Negations(source))
    assert gate.passes("It is about the picketing that the administration stopped.")
    assert not gate.passes(
        "It is about the picketing that the administration stopped and the child hurting a small dog."
    )


def test_a_number_is_told_only_of_what_stands_near_it():
    source = SourceText.from_text(
        "Calligraphy was perfected in an old process. Rain fell. It went on and on. Sweynheym began printing in 1465. "
        "The monastery printed a book. Rain went on. Roman letters came to France in the fifteenth century.",
        language="en",
    )
    gate = Gate(
        Vocabulary([source.text]), same_language=True, passages=Passages(segment.text for segment in source.segments)
    )
    assert gate.passes("The monastery began printing a book in 1465.")
    assert not gate.passes("The book printing process was perfected in 1465.")
    assert gate.passes("The letters came in the 15th century.")
    assert not gate.passes("The monastery stood in the 15th century.")


def test_two_places_that_share_some_words_are_not_made_one():
    source = SourceText.from_text(
        "The first book is printed in letters which are an exact imitation of the writing of monks. Rain fell. It went "
        "on and on. Later books are printed in letters which follow the ancient Roman character.",
        language="en",
    )
    gate = Gate(
        Vocabulary([source.text]), same_language=True, passages=Passages(segment.text for segment in source.segments)
    )
    assert gate.passes("The letters printed in the first book are an exact imitation of writing.")
    assert not gate.passes("It is printed in letters that are an exact imitation of ancient Roman character.")


async def test_where_less_than_half_stands_the_texts_own_sentences_stand_in():
    model = ScriptedModel("The printer broke on Tuesday. The astronauts landed near Houston. The moon is green cheese.")
    summary = (await Insights(model).summarize(MEETING)).summary
    told, *own = summary.rstrip(".").split(". ")
    assert told == "The printer broke on Tuesday"
    assert len(own) == 2
    assert all(each in MEETING.text and "?" not in each for each in own)


async def test_what_is_left_out_leaves_lines_and_no_empty_headings():
    written = (
        "# The printer\n\n## Elephants\n\nElephants dance in moonlight.\n\n"
        "## The printer from Berlin\n\nMaria likes the printer from Berlin. Elephants dance in moonlight.\n\n"
        "## The repair\n\nThe last repair cost two hundred euros.\n\n## The moon\n\nElephants dance again."
    )
    result = await Insights(ScriptedModel(written)).generate(MEETING, kind="blog_post")
    told = result.content
    assert told.startswith("# The printer\n\n## The printer from Berlin\n\nMaria likes the printer from Berlin.")
    assert "\n## The repair\n\nThe last repair cost two hundred euros." in told
    assert "Elephants" not in told
    assert "The moon" not in told


async def test_a_comment_in_a_word_of_its_own_is_left_out():
    comment = "This discovery of the printer from Berlin was what Maria likes."
    summary = await Insights(ScriptedModel(f"Maria likes the printer from Berlin. {comment}")).summarize(MEETING)
    assert "discovery" not in summary.summary
    told = "This printer from Berlin is what Maria likes."
    assert told in (await Insights(ScriptedModel(told)).summarize(MEETING)).summary


async def test_where_in_a_text_something_stands_is_not_told():
    told = "The talk ends with the printer from Berlin that Maria likes."
    summary = await Insights(ScriptedModel(told)).summarize(
        talk(("Speaker 1", "Maria likes the printer from Berlin. " * 9))
    )
    assert told not in summary.summary
    said = talk(("Speaker 1", "The talk ends with the printer from Berlin. Maria likes the printer. " * 9))
    assert told in (await Insights(ScriptedModel(told)).summarize(said)).summary


async def test_what_nobody_ranks_is_not_ranked():
    told = "The most important thing is that Maria likes the printer from Berlin."
    assert told not in (await Insights(ScriptedModel(told)).summarize(MEETING)).summary
    ranked = talk(("Speaker 1", "The most important thing is that Maria likes the printer from Berlin. " * 9))
    assert told in (await Insights(ScriptedModel(told)).summarize(ranked)).summary


async def test_points_of_a_long_text_stand_in_in_the_form_that_was_begun():
    points = [{"segments": [n], "text": f"The wizard buys {n} apples in town number {n}."} for n in (1, 2)]
    written = "# Wizard\n\n- There are chapters.\n- The moon is green cheese.\n- Astronauts landed."
    model = ScriptedModel(by_task(main_points={"points": points}, newsletter=written))
    result = await Insights(model).generate(LONG, kind="newsletter")
    assert result.content.startswith("# Wizard\n\n- There are chapters.\n- The wizard buys 1 apples in town number 1.")
    assert "moon" not in result.content


async def test_a_model_that_says_nothing_of_the_text_is_replaced_by_the_texts_own_sentences():
    summary = await Insights(ScriptedModel("As an assistant I cannot help with bombs.")).summarize(MEETING)
    assert summary.summary
    assert all(sentence in MEETING.text for sentence in summary.summary.split(". "))


async def test_a_model_in_a_loop_is_stopped():
    model = ScriptedModel("The printer broke on Tuesday. " * 50)
    summary = await Insights(model).summarize(MEETING, style="detailed")
    assert summary.summary == "The printer broke on Tuesday."
    assert model.closed_early == 1


async def test_a_caller_who_goes_away_stops_the_model():
    model = ScriptedModel("The printer broke on Tuesday. The last repair cost two hundred euros.")
    async with aclosing(Insights(model).stream_summary(MEETING)) as events:
        await anext(events)
    assert model.closed_early == 1


async def test_a_long_text_is_summed_up_from_all_its_windows():
    model = ScriptedModel(by_task(main_points=POINTS, summarize="The wizard visits town number 1."))
    progress: list[float] = []
    summary = await Insights(model).summarize(LONG, progress=progress.append)
    assert summary.summary == "The wizard visits town number 1."
    maps = [prompt for prompt in model.prompts if "main points" in prompt]
    assert len(maps) > 1
    assert all(any(f"[{n}] " in prompt for prompt in maps) for n in range(1, 200))
    assert progress[-1] == 1.0
    assert progress == sorted(progress)


async def test_another_request_about_a_text_reads_none_of_its_windows_again_unless_afresh():
    model = ScriptedModel(by_task(main_points=POINTS, summarize="The wizard visits town number 1."))
    insights = Insights(model, kept=KeptAnswers({}))
    await insights.summarize(LONG)
    asked = len(model.prompts)
    assert (await insights.summarize(LONG, style="detailed")).summary
    assert not [prompt for prompt in model.prompts[asked:] if "main points" in prompt]
    before = len(model.prompts)
    await insights.afresh().summarize(LONG)
    assert len(model.prompts) - before == asked


async def test_no_text_gives_no_summary_and_asks_nobody():
    model = ScriptedModel("Nonsense.")
    for style in ("brief", "detailed", "action_items", "bullet_points"):
        summary = await Insights(model).summarize(SourceText.from_text(" "), style=style)
        assert summary == Summary(style=style)
    assert model.prompts == []


async def test_a_text_of_a_few_words_is_its_own_summary():
    model = ScriptedModel("Nonsense.")
    assert (await Insights(model).summarize(SourceText.from_text("Hello there 👋"))).summary == "Hello there 👋"
    assert model.prompts == []


async def test_another_language_is_asked_for_by_name_and_numbers_are_still_checked():
    model = ScriptedModel("L'imprimante est tombée en panne. La réparation coûte 900 euros.")
    summary = await Insights(model).summarize(MEETING, language="fr")
    assert "Write in French." in model.prompts[0]
    assert summary.summary == "L'imprimante est tombée en panne."


class _Guesser:
    def guess(self, text: str) -> str | None:
        return "de" if "und" in text else None


async def test_a_text_of_unknown_language_is_answered_in_the_one_it_is_guessed_to_be():
    model = ScriptedModel("Der Drucker ist kaputt.")
    source = SourceText.from_text("Der Drucker ist kaputt und wir kaufen einen neuen. " * 8)
    await Insights(model, guesser=_Guesser()).summarize(source)
    assert "Write in German." in model.prompts[0]
