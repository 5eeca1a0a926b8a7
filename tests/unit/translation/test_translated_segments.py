"""Transcripts in another language, at the times of the original."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from made_translators import MadeGuesser, MadeTranslator

from serve_app.transcript.model import Segment, Transcript, Word, join_words
from serve_app.translation.routing import RoutedTranslator
from serve_app.translation.segments import share_out, tokens_of, translate_transcript
from serve_app.translation.service import Translation


def segment(text: str, start_s: float, end_s: float, *, speaker: int | None = None, language: str = "en") -> Segment:
    words = tuple(Word(text=word, start_s=start_s, end_s=end_s, confidence=0.9) for word in text.split())
    return Segment(start_s=start_s, end_s=end_s, text=text, words=words, speaker=speaker, language=language)


async def translated(engine: MadeTranslator, *segments: Segment, target: str = "fr") -> Transcript:
    transcript = Transcript(segments=segments, duration_s=60.0, language="en")
    return await translate_transcript(transcript, Translation(RoutedTranslator([engine]), MadeGuesser()), target=target)


async def test_segments_keep_their_times_and_speakers() -> None:
    engine = MadeTranslator()
    before = [segment("Good day.", 1.0, 2.0, speaker=0), segment("Hello there.", 2.5, 4.0, speaker=1)]
    after = await translated(engine, *before)
    assert [(s.start_s, s.end_s, s.speaker) for s in after.segments] == [(1.0, 2.0, 0), (2.5, 4.0, 1)]
    assert [s.text for s in after.segments] == ["GOOD DAY.", "HELLO THERE."]
    assert (after.language, after.text) == ("fr", "GOOD DAY. HELLO THERE.")


async def test_sentences_that_run_over_segments_are_translated_as_a_whole() -> None:
    engine = MadeTranslator()
    after = await translated(
        engine, segment("We will meet", 0, 1), segment("on Monday. Then we", 1, 2), segment("go.", 2, 3)
    )
    assert engine.asked == ["We will meet on Monday. Then we go."]
    assert [s.text for s in after.segments] == ["WE WILL MEET", "ON MONDAY. THEN WE", "GO."]


async def test_a_sentence_never_goes_on_with_another_speaker_or_after_a_pause() -> None:
    engine = MadeTranslator()
    await translated(
        engine,
        segment("And so", 0, 1, speaker=0),
        segment("what then", 1, 2, speaker=1),
        segment("well", 9, 10, speaker=1),
    )
    assert engine.asked == ["And so", "what then", "well"]


async def test_a_segment_in_the_target_language_stays() -> None:
    engine = MadeTranslator()
    french = replace(segment("Déjà vu.", 0, 1), language="fr")
    after = await translated(engine, french, segment("Yes.", 1, 2))
    assert after.segments[0] == french
    assert after.segments[1].text == "YES."


async def test_segments_without_words_are_set_apart() -> None:
    engine = MadeTranslator()
    await translated(engine, *(replace(segment(text, n, n + 1), words=()) for n, text in enumerate(["One", "two."])))
    assert engine.asked == ["One two."]


async def test_a_text_is_exactly_its_words_also_without_spaces() -> None:
    engine = MadeTranslator(lambda _: "今日は Arjan Mehta と会議。", pairs=[("en", "ja")])
    after = await translated(engine, segment("Today a meeting with Arjan Mehta.", 3.0, 6.0), target="ja")
    said = after.segments[0]
    assert said.text == "今日は Arjan Mehta と会議。" == join_words(said.words)
    starts = [word.start_s for word in said.words]
    assert starts == sorted(starts)
    assert (starts[0], said.words[-1].end_s) == (3.0, 6.0)


async def test_a_silent_transcript_has_nothing_to_translate() -> None:
    assert (await translated(MadeTranslator())).segments == ()


words = st.lists(st.text(alphabet="abc", min_size=1, max_size=9), max_size=40)
weights = st.lists(st.integers(0, 200), min_size=1, max_size=8)


@given(words, weights)
def test_shared_out_words_are_all_there_in_order(words: list[str], weights: list[int]) -> None:
    tokens = tokens_of(" ".join(words), spaced=True)
    runs = share_out(tokens, weights)
    assert len(runs) == len(weights)
    assert [token for run in runs for token in run] == tokens


@given(words, st.lists(st.integers(1, 200), min_size=1, max_size=8))
def test_with_words_enough_every_segment_has_some(words: list[str], weights: list[int]) -> None:
    runs = share_out(tokens_of(" ".join(words), spaced=True), weights)
    assert sum(1 for run in runs if run) == min(len(words), len(weights))
