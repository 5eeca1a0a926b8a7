"""Decoding and detection side by side."""

import asyncio
from itertools import pairwise

import pytest
from hearing import Said, talk
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import SOURCE, Studio, meeting

from serve_app.audio.recording import SAMPLE_RATE_HZ, Span
from serve_app.errors import InternalError
from serve_app.pipeline.listening import Listened, listen
from serve_app.pipeline.settings import PipelineSettings
from serve_app.ports.speech import Progress


async def listened(studio: Studio, told: list[Progress] | None = None) -> Listened:
    return await listen(
        SOURCE,
        decoder=studio.decoder,
        detector=studio.detector,
        store=studio.store,
        settings=studio.settings,
        report=[].append if told is None else told.append,
    )


@settings(max_examples=25)
@given(st.integers(1, 1_500_000), st.floats(0.5, 70.0))
def test_every_instant_is_listened_to_once_whatever_the_blocks(n_samples: int, block_s: float) -> None:
    studio = Studio(Said(words=(), speech=(Span(3.0, 5.0),)), duration_s=n_samples / SAMPLE_RATE_HZ)
    studio.decoder.block_s = block_s

    found = asyncio.run(listened(studio))

    edges = sorted(studio.detector.spans)
    assert edges[0].start_s == 0.0
    assert all(a.end_s == b.start_s for a, b in pairwise(edges))
    assert edges[-1].end_s == pytest.approx(n_samples / SAMPLE_RATE_HZ)
    assert found.recording.n_samples == n_samples


async def test_speech_is_found_where_it_is_with_a_margin() -> None:
    margin_s = PipelineSettings().speech.padding_s
    found = await listened(Studio(meeting(20)))

    assert len(found.speech) == 20
    for span, true in zip(found.speech, meeting(20).speech, strict=True):
        assert span.start_s == pytest.approx(true.start_s - margin_s, abs=0.05)
        assert span.end_s == pytest.approx(true.end_s + margin_s, abs=0.05)


async def test_speech_without_a_pause_is_split_into_what_a_chunk_holds() -> None:
    found = await listened(Studio(talk([Span(2.0, 102.0)])))

    assert all(span.duration_s <= PipelineSettings().plan.chunk_s / 2 for span in found.speech)
    assert sum(span.duration_s for span in found.speech) == pytest.approx(
        100.0 + 2 * PipelineSettings().speech.padding_s, abs=0.1
    )


async def test_listening_begins_before_the_file_is_decoded() -> None:
    studio = Studio(meeting(40))
    studio.decoder.stuck_after = 4
    task = asyncio.create_task(listened(studio))

    await asyncio.wait_for(studio.detector.entered.wait(), timeout=10)
    assert not studio.decoder.closed
    task.cancel()
    await asyncio.wait([task])
    assert studio.decoder.closed


async def test_a_fault_of_the_detector_stops_the_decoder() -> None:
    studio = Studio(meeting(40))
    studio.decoder.stuck_after = 4
    studio.detector.faults = {0: InternalError("A model failed (KeyError).")}

    with pytest.raises(InternalError):
        await listened(studio)
    assert studio.decoder.closed


async def test_decoding_tells_how_much_it_has_found() -> None:
    told: list[Progress] = []
    studio = Studio(meeting(4), duration_s=45.0)
    studio.decoder.block_s = 20.0
    await listened(studio, told)

    assert [progress.audio_s for progress in told] == [20.0, 40.0, 45.0]
    assert {progress.stage for progress in told} == {"decoding"}
