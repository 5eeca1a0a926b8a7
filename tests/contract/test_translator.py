"""Translation on real weights, and the engines' edges."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.text import MadladOptions, OpusMtOptions
from deployments.local_text import LocalMadlad, LocalOpusMt
from serve_app.adapters.text_language import FastTextGuesser
from serve_app.adapters.weights import default_data_dir
from serve_app.errors import ModelLoading, UnsupportedPair
from serve_app.translation.by_sentence import SentenceTranslator
from serve_app.translation.fidelity import missing


@pytest.fixture
def opus_mt(weights: Callable[[str], Path]) -> LocalOpusMt:
    for name in ("opus-mt-en-fr", "opus-mt-fr-en"):
        weights(name)
    return LocalOpusMt(OpusMtOptions(threads=2), default_data_dir())


async def test_english_and_french_are_translated_both_ways(opus_mt: LocalOpusMt) -> None:
    french = await opus_mt.translate(["The cat is sleeping on the chair."], source="en", target="fr")
    assert french.engine == "opus-mt-en-fr"
    assert "chat" in french.texts[0]
    assert "chaise" in french.texts[0]
    english = await opus_mt.translate(french.texts, source="fr", target="en")
    assert "cat" in english.texts[0]


async def test_texts_come_back_in_order_and_an_empty_one_stays_empty(opus_mt: LocalOpusMt) -> None:
    days = ["Monday", "", "Tuesday", "Wednesday", "Thursday"]
    done = await opus_mt.translate(days, source="en", target="fr")
    assert [text.lower().strip(" .") for text in done.texts] == ["lundi", "", "mardi", "mercredi", "jeudi"]


async def test_callers_at_the_same_time_get_what_each_would_get_alone(opus_mt: LocalOpusMt) -> None:
    texts = ["It is raining.", "The train to Paris leaves at nine.", "Nobody answered the second question."]
    alone = [(await opus_mt.translate([text], source="en", target="fr")).texts[0] for text in texts]
    together = await asyncio.gather(*(opus_mt.translate([text], source="en", target="fr") for text in texts))
    assert [answer.texts[0] for answer in together] == alone


async def test_an_endless_sentence_is_translated_to_its_end(opus_mt: LocalOpusMt) -> None:
    text = "we went to the market and " * 80 + "then we bought a horse"
    done = await SentenceTranslator(opus_mt).translate([text], source="en", target="fr")
    assert "cheval" in done.texts[0][-80:]
    assert done.texts[0].count("marché") > 40


@pytest.mark.parametrize(
    "text",
    [
        "Dear {first_name}, the invoice of 1,250.75 euros is at https://example.org/i/88 until 31 May.",
        "Arjan Mehta (arjan@example.org) counted 1,204 votes, 87 against.\n\n- <b>Done</b> at 10:30\n",
        "[PERSON_1] paid %(amount)d to [PERSON_2].",
    ],
)
async def test_numbers_names_and_placeholders_come_through(opus_mt: LocalOpusMt, text: str) -> None:
    done = (await SentenceTranslator(opus_mt).translate([text], source="en", target="fr")).texts[0]
    assert missing(text, done) == []
    assert ("Arjan Mehta" in done) == ("Arjan Mehta" in text)
    assert done.count("\n") == text.count("\n")


async def test_a_pair_nobody_knows_is_refused_with_those_that_are_known(opus_mt: LocalOpusMt) -> None:
    with pytest.raises(UnsupportedPair, match="en, fr"):
        await opus_mt.translate(["はい"], source="ja", target="en")


async def test_weights_that_are_not_there_are_fetched_and_callers_told_so(tmp_path: Path) -> None:
    translator = LocalOpusMt(OpusMtOptions(), tmp_path, pulls={"opus-mt-en-fr": _NeverDone()})  # type: ignore[dict-item]
    for _ in range(2):
        with pytest.raises(ModelLoading):
            await translator.translate(["Yes."], source="en", target="fr")


class _NeverDone:
    """A pull that has just begun."""

    installed = False

    def start(self) -> None: ...

    def refusal(self) -> ModelLoading:
        return ModelLoading("on its way", retry_after_s=7)


@pytest.fixture(scope="module")
def tiny_madlad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a T5 of random weights with MADLAD's kind of vocabulary, converted like the real one."""
    transformers = pytest.importorskip("transformers", reason="a T5 is made and converted with transformers")
    folder = tmp_path_factory.mktemp("madlad")
    _sentencepiece(folder / "spiece.model")
    tokenizer = transformers.T5Tokenizer(str(folder / "spiece.model"), extra_ids=0)
    config = transformers.T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder / "t5")
    tokenizer.save_pretrained(folder / "t5")
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(str(folder / "t5")).convert(str(folder / "ct2"))
    (folder / "spiece.model").rename(folder / "ct2" / "spiece.model")
    return folder / "ct2"


def _sentencepiece(path: Path) -> None:
    import sentencepiece

    words: list[str] = ["the cat sat on the mat", "a dog ran over the hill", "we like red apples and pears"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words),
        model_prefix=str(path.with_suffix("")),
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        user_defined_symbols=["<2en>", "<2fr>", "<2es>"],
        minloglevel=2,
    )


async def test_madlad_is_told_the_target_and_knows_the_pairs_of_its_vocabulary(tiny_madlad: Path) -> None:
    options: dict[str, Any] = {"path": tiny_madlad, "device": "cpu", "compute_type": "float32"}
    madlad = LocalMadlad(MadladOptions(**options))
    assert await madlad.pairs() == {(a, b) for a in ("en", "fr", "es") for b in ("en", "fr", "es") if a != b}
    one = await madlad.translate(["the cat", "", "a dog " * 300], source="en", target="fr")
    assert one.engine == "madlad-400"
    assert len(one.texts) == 3
    assert one.texts[1] == ""
    other = await madlad.translate(["the cat"], source="en", target="es")
    assert one.texts[0] != other.texts[0]
    with pytest.raises(UnsupportedPair):
        await madlad.translate(["der Hund"], source="de", target="fr")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the nearest station?", "en"),
        ("Où est la gare la plus proche ?", "fr"),
        ("¿Dónde está la estación más cercana?", "es"),
        ("Wo ist der nächste Bahnhof?", "de"),
        ("«Jamais», dit Paul.", "fr"),
        ("最寄りの駅はどこですか？", "ja"),
        ("最近的车站在哪里？", "zh"),
        ("निकटतम स्टेशन कहाँ है?", "hi"),
        ("THIS IS SHOUTED ENGLISH TEXT", "en"),
        ("line one is English\nand line two is as well", "en"),
        ("", None),
        ("12:30", None),
        ("ok", None),
        ("👍👍", None),
    ],
)
def test_the_language_of_a_text_is_guessed_where_it_shows(text: str, language: str | None) -> None:
    assert FastTextGuesser().guess(text) == language
