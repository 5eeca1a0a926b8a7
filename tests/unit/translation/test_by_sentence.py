"""Texts by a model of sentences."""

from __future__ import annotations

import pytest
from made_translators import MadeTranslator, shout

from serve_app.errors import ModelLoading
from serve_app.translation.by_sentence import SentenceTranslator


async def translated(engine: MadeTranslator, *texts: str) -> tuple[str, ...]:
    answer = await SentenceTranslator(engine).translate(texts, source="en", target="fr")
    assert answer.engine == ("made" if engine.asked else "")
    return answer.texts


async def test_a_translation_is_laid_out_like_the_text() -> None:
    text = "  One two. Three!\n\n\t- four\n- five  \n"
    assert await translated(MadeTranslator(), text, "", " \n") == (
        "  ONE TWO. THREE!\n\n\t- FOUR\n- FIVE  \n",
        "",
        " \n",
    )


async def test_sentences_that_repeat_are_asked_once() -> None:
    engine = MadeTranslator()
    await translated(engine, "Yes. Yes. No.", "No.")
    assert engine.asked == ["Yes.", "No."]


async def test_what_has_no_letters_is_not_asked() -> None:
    engine = MadeTranslator()
    assert await translated(engine, "12:30 …\n{name}") == ("12:30 …\n{name}",)
    assert engine.asked == []


async def test_placeholders_come_back_to_the_letter() -> None:
    assert await translated(MadeTranslator(), "Dear {first_name}, see https://example.org/Ab?") == (
        "DEAR {first_name}, SEE https://example.org/Ab?",
    )


async def test_a_model_that_eats_marks_gets_what_lies_around_them() -> None:
    engine = MadeTranslator(lambda text: shout(text).replace("XQ0", ""))
    assert await translated(engine, "Dear {name}, good day.") == ("DEAR {name}, GOOD DAY.",)


async def test_a_sentence_that_lost_a_number_is_translated_again_with_its_numbers_hidden() -> None:
    engine = MadeTranslator(lambda text: shout(text).replace("1,200", "12"))
    assert await translated(engine, "It cost 1,200 euros. It rained.") == ("IT COST 1,200 EUROS. IT RAINED.",)
    assert engine.asked == ["It cost 1,200 euros.", "It rained.", "It cost XQ0 euros."]


async def test_of_two_that_lose_numbers_the_first_counts() -> None:
    engine = MadeTranslator(lambda text: "DEUX" if "XQ" in text else "UN")
    assert await translated(engine, "One of 7.") == ("UN",)


async def test_a_long_text_goes_in_calls_of_bounded_size() -> None:
    engine = MadeTranslator()
    text = " ".join(f"Sentence number {n} is here." for n in range(200))
    assert await translated(engine, text) == (text.upper(),)
    assert engine.largest_call <= 64


async def test_an_engine_s_refusal_reaches_the_caller_as_it_is() -> None:
    def refuse(_: str) -> str:
        raise ModelLoading("on its way", retry_after_s=7)

    with pytest.raises(ModelLoading, match="on its way"):
        await translated(MadeTranslator(refuse), "Good day.")
