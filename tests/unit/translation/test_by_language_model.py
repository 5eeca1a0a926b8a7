"""Texts by the language model, which says more or less than it should."""

from __future__ import annotations

from made_translators import MadeGuesser, MadeModel

from serve_app.translation.by_language_model import LlmTranslator, LlmTranslatorSettings


async def translated(model: MadeModel, text: str, *, guesser: MadeGuesser | None = None, chunk_chars: int = 700) -> str:
    translator = LlmTranslator(model, guesser=guesser, settings=LlmTranslatorSettings(chunk_chars=chunk_chars))
    answer = await translator.translate([text], source="en", target="fr")
    assert answer.engine == "llm"
    return answer.texts[0]


async def test_the_answer_is_bound_to_a_schema_and_in_length() -> None:
    model = MadeModel(lambda text, _: text.upper())
    assert await translated(model, "Good day.") == "GOOD DAY."
    system, user, options = model.calls[0]
    assert "from English to French" in system
    assert user == "Good day."
    assert options.json_schema is not None
    assert options.max_tokens == 2 * 4 + 64


async def test_lines_and_white_space_stay_where_they_are() -> None:
    model = MadeModel(lambda text, _: text.upper())
    assert await translated(model, "One. Two.\n\n  three\n") == "ONE. TWO.\n\n  THREE\n"
    assert sorted(user for _, user, _ in model.calls) == ["One. Two.", "three"]


async def test_a_long_text_goes_in_chunks_of_whole_sentences() -> None:
    model = MadeModel(lambda text, _: text.upper())
    text = " ".join(f"Sentence {n}." for n in range(40))
    assert await translated(model, text, chunk_chars=100) == text.upper()
    assert all(user.endswith(".") and len(user) <= 100 for _, user, _ in model.calls)


async def test_what_was_lost_is_asked_for_by_name_once() -> None:
    model = MadeModel(lambda text, call: "PERDU" if call == 1 else text.upper())
    assert await translated(model, "See {link} by 5.") == "SEE {LINK} BY 5."
    assert "{link} 5" in model.calls[1][0]
    assert len(model.calls) == 2


async def test_an_answer_in_the_wrong_language_is_asked_for_again() -> None:
    model = MadeModel(lambda text, call: text if call == 1 else "Voilà une réponse en français.")
    text = "This is an answer that is in English."
    assert await translated(model, text, guesser=MadeGuesser()) == "Voilà une réponse en français."


async def test_what_does_not_come_to_an_end_stays_as_it_was() -> None:
    assert await translated(MadeModel(lambda *_: "la la la", finish_reason="length"), "La la.") == "La la."


async def test_what_has_no_letters_is_not_asked() -> None:
    model = MadeModel(lambda text, _: text)
    assert await translated(model, "12:30 👍") == "12:30 👍"
    assert model.calls == []
