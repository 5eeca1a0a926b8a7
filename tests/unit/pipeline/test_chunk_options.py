"""What the recognizer is told of the request with every chunk."""

from dataclasses import replace

import pytest
from hearing import Said, recognition
from meetings import LONG, SHORT
from scripted import OPTIONS, Studio

from serve_app.audio.plan import Chunk
from serve_app.pipeline import load
from serve_app.ports.speech import Recognition, RecognizeOptions


async def test_the_request_reaches_every_chunk() -> None:
    studio = Studio(LONG)
    options = replace(
        OPTIONS, language="fr", task="translate", prompt="Arjan Meta", temperature=0.2, language_candidates=("fr",)
    )
    transcript = await studio.transcript(options)

    for _, told in studio.recognizer.calls:
        assert (told.language, told.task, told.prompt, told.temperature) == ("fr", "translate", "Arjan Meta", 0.2)
        assert (told.request_id, told.language_candidates) == ("r1", ("fr",))
    assert transcript.language == "fr"
    assert studio.recognizer.identified == []


async def test_chunks_are_encoded_in_the_windows_of_the_settings() -> None:
    studio = Studio(SHORT, window_s=12.0)
    await studio.transcript()

    assert {told.window_s for _, told in studio.recognizer.calls} == {12.0}


@pytest.mark.parametrize(("said", "priority"), [(SHORT, load.INTERACTIVE), (LONG, load.LONG)])
async def test_short_recordings_go_before_long_ones(said: Said, priority: int) -> None:
    studio = Studio(said)
    await studio.transcript()

    assert {told.priority for _, told in studio.recognizer.calls} == {priority}


async def test_a_long_recording_is_listened_to_in_several_places_for_its_language() -> None:
    studio = Studio(LONG)
    studio.recognizer.votes = [{"en": 0.6, "nl": 0.4}, {"nl": 0.8, "en": 0.2}, {"nl": 0.5, "en": 0.5}]
    await studio.transcript(replace(OPTIONS, language_candidates=("en", "nl")))

    places_s = [chunk.spans[0].start_s for chunk, _ in studio.recognizer.identified]
    assert len(places_s) == 3
    assert places_s[0] < 60 < places_s[1] < 200 < places_s[2]
    assert {candidates for _, candidates in studio.recognizer.identified} == {("en", "nl")}
    assert {told.language_hint for _, told in studio.recognizer.calls} == {"nl"}
    assert {told.language for _, told in studio.recognizer.calls} == {None}


async def test_a_recording_of_one_chunk_speaks_for_itself() -> None:
    studio = Studio(SHORT)
    await studio.transcript()

    assert studio.recognizer.identified == []
    assert [told.language_hint for _, told in studio.recognizer.calls] == [None]


async def test_the_language_of_most_of_the_speech_is_the_transcripts() -> None:
    studio = Studio(LONG)
    studio.recognizer.hear = lambda chunk, options: recognition(
        LONG.heard_in(chunk), language="fr" if chunk.spans[0].start_s < 60 else "en"
    )
    transcript = await studio.transcript()

    assert transcript.language == "en"
    assert {segment.language for segment in transcript.segments} == {"fr", "en"}


async def test_a_call_carries_only_the_blocks_that_its_chunk_needs() -> None:
    studio = Studio(LONG)
    studio.decoder.block_s = 5.0
    carried: list[tuple[float, float]] = []
    heard = studio.recognizer.recognize

    async def recognize(recording: object, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        seconds = sum(block.n_samples for block in recording.blocks) / 16_000
        carried.append((seconds, chunk.spans[-1].end_s - chunk.spans[0].start_s))
        return await heard(recording, chunk, options)

    studio.recognizer.recognize = recognize
    await studio.transcript()

    assert carried
    assert all(seconds <= spanned_s + 2 * 5.0 for seconds, spanned_s in carried)
