"""Texts by the language model, which says more or less than it should."""

from __future__ import annotations

from made_translators import MadeGuesser, MadeModel

from serve_app.translation.by_language_model import LlmTranslator, LlmTranslatorSettings


async def translated(model: MadeModel, text: str, *, guesser: MadeGuesser | None = None, chunk_chars: int = 700) -> str:
    translator = LlmTranslator(model, guesser=guesser, settings=LlmTranslatorSettings(chunk_chars=chunk_chars))
    answer = await translator.translate([text], source="en", target="fr")
    assert answer.engine == "llm"
    return answer.texts[0]


async def test_the_answer_is_bound_in_length() -> None:
    model = MadeModel(lambda text, _: text.upper())
    assert await translated(model, "Good day.") == "GOOD DAY."
    system, text, options = model.calls[0]
    assert "from English to French" in system
    assert text == "Good day."
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
    assert await translated(model, "See {link} by 5.") == "SEE {link} BY 5."
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


async def test_what_a_chatty_model_says_around_it_is_no_translation() -> None:
    model = MadeModel(lambda text, _: f"Here is the text in French:\n\n```\n{text.upper()}\n```\n")
    assert await translated(model, "Good day.") == "GOOD DAY."


async def test_a_line_before_a_list_that_ends_with_a_colon_is_the_text_s() -> None:
    model = MadeModel(lambda text, _: text.upper())
    assert await translated(model, "Bring:\nbread") == "BRING:\nBREAD"


async def test_a_name_that_was_respelled_is_asked_for_again_and_not_forced() -> None:
    model = MadeModel(lambda text, call: f"{'Martina' if call == 1 else 'Marta'} Kowalczyk écrit de Lisbonne.")
    assert await translated(model, "Marta Kowalczyk writes from Lisbon.") == "Marta Kowalczyk écrit de Lisbonne."
    again = model.calls[1][0]
    assert "names" in again
    assert "Marta" in again
    assert "must contain" not in again


async def test_a_name_that_stays_lost_costs_one_more_question() -> None:
    model = MadeModel(lambda _, call: f"La pompe {call} doit être remplacée.")
    assert (
        await translated(model, "According to Brandt, the pump has to be replaced.")
        == "La pompe 1 doit être remplacée."
    )
    assert len(model.calls) == 2


async def test_chinese_inside_is_asked_for_again() -> None:
    model = MadeModel(lambda _, call: "Der Vertrag wurde \u7c3diert." if call == 1 else "Der Vertrag wurde signiert.")
    assert await translated(model, "The contract was signed.") == "Der Vertrag wurde signiert."


async def test_a_placeholder_that_is_explained_is_asked_for_again() -> None:
    model = MadeModel(lambda _, call: "Voir {link}." + " {link} est un lien." * (call == 1))
    assert await translated(model, "See {link}.") == "Voir {link}."
