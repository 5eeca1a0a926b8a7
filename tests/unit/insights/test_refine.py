import logging
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_model import ScriptedModel

from serve_app.errors import ModelUnavailable
from serve_app.insights.edits import allowed, fillers, without_conflicts
from serve_app.insights.refine import EditRefiner, applied, terms_of
from serve_app.insights.shapes import EditShape
from serve_app.insights.sounds import alikeness, sound_of
from serve_app.ports.language import ChatMessage, GenerateOptions, Generation
from serve_app.ports.streaming import RefineContext

CONTEXT = RefineContext(
    text="A call with the sales team.", terms=("Arjun Mehta", "Ishaan Verma", "Databricks", "Hawkes")
)


def edit(from_word: str, to_word: str, kind: str) -> dict[str, str]:
    return {"from_word": from_word, "to_word": to_word, "kind": kind}


WORDS = ["um", "we", "uh.", "meet", "Arjan", "meta", "data", "bricks,", "today!", "you", "know"]


async def refined(text: str, *edits: dict[str, str], language: str = "en") -> str:
    model = ScriptedModel({"edits": list(edits)})
    return await EditRefiner(model).refine(text, language=language, context=CONTEXT)


async def test_names_that_sound_like_a_term_are_put_right_without_asking():
    assert await refined("I met arjan meta, and data bricks is fine.") == "I met Arjun Mehta, and Databricks is fine."
    assert await refined("arjan mehta's plan works.") == "Arjun Mehta's plan works."


async def test_a_doubtful_name_needs_the_models_word():
    # Says the second of two, whatever it is, but where it is sure of the first.
    model = ScriptedModel(lambda asked, _: {"version": "A" if asked.startswith("A: I talked to Hawkes") else "B"})
    refiner = EditRefiner(model)
    for text, right in (
        ("The hawks flew over.", "The hawks flew over."),
        ("I talked to hawks there.", "I talked to Hawkes there."),
    ):
        assert await refiner.refine(text, language="en", context=CONTEXT) == right
    assert model.prompts[0] == "A: The hawks flew over. B: The Hawkes flew over."


async def test_what_an_engine_may_keep_comes_first():
    tasks: set[str] = set()

    class Noting(ScriptedModel):
        async def generate(self, messages: Sequence[ChatMessage], options: GenerateOptions) -> Generation:
            tasks.add(messages[0].content)
            return await super().generate(messages, options)

    model = Noting({"version": "A"})
    for text in ("The hawks flew over.", "I talked to hawks there."):
        await EditRefiner(model).refine(text, language="en", context=CONTEXT)
    assert len(model.prompts) == 4
    assert len(tasks) == 1


async def test_sounds_of_hesitation_go_and_the_sentence_closes_over_them():
    assert await refined("Um, we, uh, start now. Uh yes we do, um.") == "We, start now. Yes we do."


async def test_a_sound_of_one_language_is_a_word_of_another():
    assert await refined("Wir treffen uns um drei.", language="de") == "Wir treffen uns um drei."


@pytest.mark.parametrize(
    "proposal",
    [
        edit("start", "begin", "punctuation"),
        edit("start", "stop", "name"),
        edit("start", "Arjun Mehta", "name"),
        edit("start", "", "filler"),
        edit("start now", "now start", "punctuation"),
        edit("now", "now immediately", "punctuation"),
        edit("now", "not", "case"),
        edit("later", "Later", "case"),
        edit("", "Databricks", "name"),
    ],
)
async def test_an_edit_that_is_none_of_the_kinds_changes_nothing(proposal: dict[str, str]):
    text = "so we start now with the work that data brick gave us"
    assert await refined(text, proposal) == await refined(text)


async def test_marks_and_capitals_may_change():
    text = "so we start now with the data brigs that they gave us"
    edits = [edit("so", "So", "case"), edit("now", "now,", "punctuation"), edit("us", "us.", "punctuation")]
    assert await refined(text, *edits) == "So we start now, with the data brigs that they gave us."


async def test_a_model_that_fails_leaves_the_sure_edits():
    class Broken(ScriptedModel):
        async def generate(self, *_: object) -> object:
            raise ModelUnavailable("down")

    text = await EditRefiner(Broken()).refine("um arjan meta saw hawks", language="en", context=CONTEXT)
    assert text == "Arjun Mehta saw hawks"


async def test_without_a_doubt_the_model_is_not_asked():
    model = ScriptedModel({"edits": []})
    await EditRefiner(model).refine("We start now.", language="en", context=CONTEXT)
    assert model.prompts == []


@given(
    st.lists(st.sampled_from(WORDS), max_size=12),
    st.lists(
        st.builds(
            EditShape,
            from_word=st.sampled_from(["we", "meet", "Arjan meta", "you know", "today", "x", ""]),
            to_word=st.sampled_from(["We", "meat", "Arjun Mehta", "", "today.", "Databricks"]),
            kind=st.sampled_from(["name", "filler", "punctuation", "case"]),
        ),
        max_size=6,
    ),
)
def test_words_keep_their_order_and_only_allowed_ones_change(words: list[str], proposals: list[EditShape]):
    edits = [each for one in proposals for each in allowed(words, one, terms=CONTEXT.terms, language="en")]
    edits = without_conflicts([*fillers(words, "en"), *edits])
    pieces = applied(words, edits)
    touched = {at for each in edits for at in range(each.start, each.end)}
    left = iter(pieces)
    for at, word in enumerate(words):
        if at not in touched:  # a full stop may come from a filler behind it, a capital from one before it
            bare = word.rstrip(".!?,").casefold()
            assert any(piece.rstrip(".!?,").casefold() == bare for piece in left), word


def test_words_that_sound_alike_are_alike():
    assert sound_of("meta") == sound_of("Mehta")
    assert sound_of("Catherine") == sound_of("Katharyn")
    assert alikeness("arjan", "Arjun") > 0.85
    assert alikeness("printer", "lobster") < 0.5


async def test_a_model_that_is_not_there_is_not_asked():
    model = ScriptedModel()
    refiner = EditRefiner(model, ready=lambda: False)
    assert await refiner.refine("um arjan meta saw hawks", language="en", context=CONTEXT) == "Arjun Mehta saw hawks"
    assert model.prompts == []


def test_what_needs_no_judgement_is_corrected_without_a_model():
    refiner = EditRefiner(ScriptedModel())
    assert refiner.correct("um arjan meta saw hawks", language="en", context=CONTEXT) == "Arjun Mehta saw hawks"


async def test_of_an_utterance_something_is_left():
    refiner = EditRefiner(ScriptedModel())
    assert refiner.correct("Um.", language="en", context=CONTEXT) == "Um."
    assert await refiner.refine("Um.", language="en", context=CONTEXT) == "Um."


def test_a_term_as_long_as_a_text_is_no_name():
    assert terms_of(RefineContext(terms=("Hawkes", "word " * 40))) == ["Hawkes"]


async def test_the_log_of_a_refinement_that_failed_quotes_nothing(caplog: pytest.LogCaptureFixture):
    class Broken(ScriptedModel):
        async def generate(self, *_: object) -> object:
            raise ModelUnavailable("hawks")

    with caplog.at_level(logging.DEBUG):
        await EditRefiner(Broken()).refine("I saw hawks", language="en", context=CONTEXT)
    assert '"event": "not_refined", "error_code": "STT_UPSTREAM_UNAVAILABLE"' in caplog.text
    assert "hawks" not in caplog.text
