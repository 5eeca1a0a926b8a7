"""The pipeline for work that may be broken off: what was finished is not done again, and the outcome is the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import numpy as np
import pytest
from hearing import Said, recognition
from hypothesis import given
from hypothesis import strategies as st
from scripted import OPTIONS, SOURCE, Studio, meeting

from serve_app.audio.plan import Chunk
from serve_app.errors import Conflict, CorruptMedia
from serve_app.pipeline.load import BACKGROUND
from serve_app.pipeline.remembering import recognition_bytes, recognition_of, windows_bytes, windows_of
from serve_app.pipeline.resuming import ResumingPipeline
from serve_app.ports.speech import Recognition, RecognizeOptions, SpeakerWindows, TranscribeEvent, TranscribeOptions
from serve_app.transcript.model import Transcript

LONG = meeting(40)  # 400 s, 320 s of it speech: three lanes
DIARIZED = replace(OPTIONS, diarize=True)


class Kept:
    """Checkpoints in memory; `last` ends the work after so many were kept."""

    def __init__(self, kept: dict[str, bytes] | None = None, *, last: int | None = None) -> None:
        self.kept = {} if kept is None else kept
        self._last = last

    async def load(self, key: str) -> bytes | None:
        return self.kept.get(key)

    async def save(self, key: str, content: bytes) -> None:
        if self._last is not None and len(self.kept) >= self._last:
            raise Conflict("killed")
        self.kept[key] = content


def resuming(studio: Studio) -> ResumingPipeline:
    return ResumingPipeline(
        decoder=studio.decoder,
        detector=studio.detector,
        recognizers={"base": studio.recognizer},
        identifiers={"base": studio.recognizer},
        diarizer=studio.diarizer,
        store=studio.store,
        settings=studio.settings,
    )


async def run(studio: Studio, checkpoints: Kept, options: TranscribeOptions = DIARIZED) -> Transcript:
    events: AsyncIterator[TranscribeEvent] = resuming(studio).transcribe(SOURCE, options, checkpoints)
    async with aclosing(events):  # type: ignore[type-var]
        last = [event async for event in events][-1]
    assert isinstance(last, Transcript)
    return last


def calls_of(studio: Studio) -> int:
    return studio.detector.started + studio.recognizer.started + studio.diarizer.started


async def test_a_run_that_is_not_disturbed_gives_what_the_plain_pipeline_gives() -> None:
    assert await run(Studio(LONG), Kept()) == await Studio(LONG).transcript(DIARIZED)


@pytest.mark.parametrize("last", [0, 1, 5, 12, 15, 20])
async def test_a_run_that_was_killed_asks_no_model_again_for_what_was_kept(last: int) -> None:
    undisturbed = Studio(LONG)
    expected = await run(undisturbed, Kept())
    kept: dict[str, bytes] = {}
    with pytest.raises(Conflict):
        await run(Studio(LONG), Kept(kept, last=last))
    assert len(kept) == last

    again = Studio(LONG)
    assert await run(again, Kept(kept)) == expected
    assert calls_of(again) == calls_of(undisturbed) - last


@pytest.mark.parametrize("said", [meeting(3), LONG])
async def test_jobs_go_after_everything_that_somebody_waits_for(said: Said) -> None:
    studio = Studio(said)
    await run(studio, Kept())

    assert {told.priority for _, told in studio.recognizer.calls} == {BACKGROUND}


async def test_a_second_run_only_decodes_and_links() -> None:
    kept: dict[str, bytes] = {}
    expected = await run(Studio(LONG), Kept(kept))
    again = Studio(LONG)
    assert await run(again, Kept(kept)) == expected
    assert (again.detector.started, again.recognizer.started, again.diarizer.started) == (0, 0, 1)


async def test_what_was_kept_for_other_options_is_not_taken() -> None:
    kept: dict[str, bytes] = {}
    await run(Studio(LONG), Kept(kept))
    for options in (replace(DIARIZED, language="de"), replace(DIARIZED, prompt="names")):
        again = Studio(LONG)
        await run(again, Kept(kept), options)
        assert again.recognizer.calls


async def test_who_asks_does_not_change_what_was_kept() -> None:
    kept: dict[str, bytes] = {}
    await run(Studio(LONG), Kept(kept))
    again = Studio(LONG)
    await run(again, Kept(kept), replace(DIARIZED, request_id="another attempt"))
    assert not again.recognizer.calls


async def test_numbers_are_the_same_in_both_runs_whatever_their_type() -> None:
    def single_precision(chunk: Chunk, options: RecognizeOptions) -> Recognition:
        heard = recognition(LONG.heard_in(chunk))
        return replace(heard, reached_s=np.float32(heard.reached_s + 1 / 3))  # type: ignore[arg-type]

    kept: dict[str, bytes] = {}
    transcripts = []
    for _ in range(2):
        studio = Studio(LONG)
        studio.recognizer.hear = single_precision
        transcripts.append(await run(studio, Kept(kept)))
    assert transcripts[0] == transcripts[1]


async def test_faults_of_the_models_are_not_kept() -> None:
    kept: dict[str, bytes] = {}
    broken = Studio(LONG)
    broken.recognizer.faults[3] = CorruptMedia("no")
    with pytest.raises(CorruptMedia):
        await run(broken, Kept(kept))
    assert await run(Studio(LONG), Kept(kept)) == await run(Studio(LONG), Kept())


@given(st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_a_recognition_survives_its_storage(number: float, text: str) -> None:
    heard = recognition([])
    heard = replace(heard, reached_s=number, avg_logprob=-number, language=text.encode("utf-8", "replace").decode())
    assert recognition_of(recognition_bytes(heard)) == heard


def test_windows_survive_their_storage() -> None:
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(5, 3, 8)).astype(np.float32)
    embeddings[1, 2] = np.nan
    windows = SpeakerWindows(
        first_window=7, activity=random.integers(0, 2, (5, 20, 3)).astype(np.uint8), embeddings=embeddings
    )
    back = windows_of(windows_bytes(windows))
    assert back.first_window == 7
    np.testing.assert_array_equal(back.activity, windows.activity)
    np.testing.assert_array_equal(back.embeddings, embeddings)
    assert (back.activity.dtype, back.embeddings.dtype) == (np.uint8, np.float32)
