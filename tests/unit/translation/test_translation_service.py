"""Languages named or guessed, engines chosen, and pairs that nobody knows."""

from __future__ import annotations

import pytest
from made_translators import MadeGuesser, MadeTranslator

from serve_app.errors import UnsupportedPair
from serve_app.translation.routing import RoutedTranslator
from serve_app.translation.service import Translation

FRENCH = "C'est vraiment très bien préparé."
ENGLISH = "This was prepared really well."
GERMAN = "Die Straße ist wirklich sehr groß."


def service() -> tuple[Translation, MadeTranslator, MadeTranslator]:
    best = MadeTranslator(pairs=[("en", "fr"), ("fr", "en")], name="best")
    other = MadeTranslator(pairs=[("en", "fr"), ("de", "fr"), ("en", "de")], name="other")
    return Translation(RoutedTranslator([best, other]), MadeGuesser()), best, other


async def test_a_pair_is_answered_by_the_first_engine_that_knows_it() -> None:
    translation, _, other = service()
    assert (await translation.translate(["Yes."], source="en", target="fr")).engine == "best"
    answer = await translation.translate(["Yes.", "No."], source="en", target="de")
    assert (answer.texts, answer.engine, other.asked) == (("YES.", "NO."), "other", ["Yes.", "No."])


async def test_texts_of_several_languages_come_back_in_order() -> None:
    translation, _, _ = service()
    answer = await translation.translate([ENGLISH, FRENCH, GERMAN], target="fr")
    assert answer.texts == (ENGLISH.upper(), FRENCH, GERMAN.upper())
    assert answer.sources == ("en", "fr", "de")
    assert answer.engine == "best, other"


async def test_a_short_text_is_taken_for_the_language_of_its_neighbours() -> None:
    translation, _, _ = service()
    answer = await translation.translate([FRENCH, "Non."], target="en")
    assert answer.sources == ("fr", "fr")


async def test_a_text_that_is_in_the_language_already_stays() -> None:
    translation, _, _ = service()
    answer = await translation.translate([ENGLISH], source="en", target="en-GB")
    assert (answer.texts, answer.engine, answer.target) == ((ENGLISH,), "none", "en")


@pytest.mark.parametrize(("source", "target"), [("English", "french"), ("en-US", "fr_CA"), (" EN ", "FR")])
async def test_languages_may_be_named_by_locale_or_in_english(source: str, target: str) -> None:
    translation, _, _ = service()
    answer = await translation.translate(["Yes."], source=source, target=target)
    assert (answer.sources, answer.target) == (("en",), "fr")


async def test_an_unknown_pair_is_refused_with_what_is_known() -> None:
    translation, _, _ = service()
    with pytest.raises(UnsupportedPair, match="from de there are fr") as refused:
        await translation.translate(["Ja."], source="de", target="en")
    assert refused.value.details["targets"] == ["fr"]
    assert refused.value.details["sources"] == ["de", "en", "fr"]


@pytest.mark.parametrize("target", ["klingon", "", "ja", "x" * 500])
async def test_an_unknown_language_is_refused_with_what_is_known(target: str) -> None:
    translation, best, _ = service()
    with pytest.raises(UnsupportedPair, match="de, en, fr"):
        await translation.translate([ENGLISH], target=target)
    assert best.asked == []


async def test_no_texts_are_no_work() -> None:
    translation, _, _ = service()
    assert (await translation.translate([], target="fr")).texts == ()
