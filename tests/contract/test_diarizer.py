"""The diarization engine on the real weights. Reference turns come with the test recordings."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from deployments.engines.cpu import has_vnni
from deployments.engines.diarization.engine import PyannoteDiarizer
from deployments.engines.diarization.turns import Diarization
from serve_app.audio.recording import SAMPLE_RATE_HZ, Span, Waveform
from serve_app.audio.windows import samples_needed
from serve_app.errors import ClientCancelled
from serve_app.ports.speech import SpeakerBounds, SpeakerWindows
from serve_app.transcript.model import Turn

ROOT = Path(__file__).parents[2]
WEIGHTS = Path(os.environ.get("HARK_DATA_DIR", Path.home() / ".local/share/hark")) / "weights" / "pyannote-community-1"
RECORDINGS = Path(os.environ.get("HARK_TEST_DATA", ROOT / "../shared/data"))

pytestmark = [
    pytest.mark.skipif(not WEIGHTS.is_dir(), reason="no weights: run `hark models pull`"),
    pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no test recordings: set HARK_TEST_DATA"),
]


@pytest.fixture(scope="module")
def diarizer() -> PyannoteDiarizer:
    return PyannoteDiarizer(weights_dir=WEIGHTS)


@pytest.fixture(scope="module")
def minute(diarizer: PyannoteDiarizer) -> list[SpeakerWindows]:
    """The windows of a minute of four people."""
    return windows_of(diarizer, recording("panel_dev4")[: 60 * SAMPLE_RATE_HZ], span_s=1000.0)


def windows_of(
    diarizer: PyannoteDiarizer, waveform: Waveform, *, span_s: float = 120.0, **options: Callable[[], bool]
) -> list[SpeakerWindows]:
    """Do the file span by span, each from only the samples it needs."""
    duration_s = len(waveform) / SAMPLE_RATE_HZ
    found = []
    for start_s in np.arange(0.0, max(duration_s, 1e-3), span_s).tolist():
        span = Span(start_s, min(start_s + span_s, duration_s))
        needed = samples_needed(span, duration_s)
        heard = waveform[round(needed.start_s * SAMPLE_RATE_HZ) : round(needed.end_s * SAMPLE_RATE_HZ)]
        found.append(
            diarizer.speaker_windows(heard, span, offset_s=needed.start_s, file_duration_s=duration_s, **options)
        )
    return found


def diarize(
    diarizer: PyannoteDiarizer, waveform: Waveform, *, span_s: float = 120.0, bounds: SpeakerBounds | None = None
) -> Diarization:
    windows = windows_of(diarizer, waveform, span_s=span_s)
    return diarizer.link_speakers(windows, duration_s=len(waveform) / SAMPLE_RATE_HZ, bounds=bounds)


def speakers(turns: tuple[Turn, ...]) -> int:
    return len({turn.speaker for turn in turns})


@cache
def recording(name: str) -> Waveform:
    import av

    path = next(path for path in RECORDINGS.glob(f"*/{name}.*") if path.suffix in {".flac", ".opus", ".wav", ".mp3"})
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def reference(name: str) -> list[tuple[str, float, float]]:
    lines = next(RECORDINGS.glob(f"*/{name}.rttm")).read_text().splitlines()
    fields = [line.split() for line in lines if line.startswith("SPEAKER")]
    return [(f[7], float(f[3]), float(f[3]) + float(f[4])) for f in fields]


def diarization_error(expected: list[tuple[str, float, float]], turns: tuple[Turn, ...]) -> float:
    """Return missed, false and confused speaker time over speaker time (NIST's DER), in 10 ms frames, no collar."""
    from scipy.optimize import linear_sum_assignment

    def grid(spoken: list[tuple[str, float, float]]) -> np.ndarray:
        names = sorted({name for name, _, _ in spoken})
        active = np.zeros((n_frames, len(names)), dtype=int)
        for name, start_s, end_s in spoken:
            active[round(start_s * 100) : round(end_s * 100), names.index(name)] = 1
        return active

    found = [(str(turn.speaker), turn.start_s, turn.end_s) for turn in turns]
    n_frames = round(max(end_s for _, _, end_s in expected + found) * 100) + 1
    truth, heard = grid(expected), grid(found)
    together = truth.T @ heard
    right = together[linear_sum_assignment(together, maximize=True)].sum()
    return float((np.maximum(truth.sum(axis=1), heard.sum(axis=1)).sum() - right) / truth.sum())


def test_a_conversation_is_told_apart(diarizer: PyannoteDiarizer) -> None:
    found = diarize(diarizer, recording("conv_pyannote_sample"))

    assert speakers(found.exclusive_turns) == 2
    assert diarization_error(reference("conv_pyannote_sample"), found.turns) < 0.06  # stock pyannote: 0.052


def test_a_ten_minute_meeting_has_its_six_speakers(diarizer: PyannoteDiarizer) -> None:
    found = diarize(diarizer, recording("meet_dev1"))

    assert speakers(found.exclusive_turns) == 6
    assert diarization_error(reference("meet_dev1"), found.turns) < 0.122  # stock pyannote: 0.124


@pytest.mark.parametrize("span_s", [7.0, 31.0])
def test_turns_do_not_depend_on_how_the_file_was_cut(
    diarizer: PyannoteDiarizer, minute: list[SpeakerWindows], span_s: float
) -> None:
    parts = windows_of(diarizer, recording("panel_dev4")[: 60 * SAMPLE_RATE_HZ], span_s=span_s)

    joined = np.concatenate([part.embeddings for part in parts])
    np.testing.assert_allclose(joined, minute[0].embeddings, atol=2e-3)
    assert diarizer.link_speakers(parts[::-1], duration_s=60.0) == diarizer.link_speakers(minute, duration_s=60.0)


def test_turns_are_ordered_inside_the_file_and_exclusive_ones_never_overlap(diarizer: PyannoteDiarizer) -> None:
    waveform = recording("panel_dev8")
    found = diarize(diarizer, waveform)

    for turns in (found.turns, found.exclusive_turns):
        assert [turn.start_s for turn in turns] == sorted(turn.start_s for turn in turns)
        assert all(0 <= turn.start_s < turn.end_s <= len(waveform) / SAMPLE_RATE_HZ for turn in turns)
    ends_and_starts = zip(found.exclusive_turns, found.exclusive_turns[1:], strict=False)
    assert all(one.end_s <= other.start_s for one, other in ends_and_starts)
    firsts = list(dict.fromkeys(turn.speaker for turn in found.exclusive_turns))
    assert firsts == list(range(len(firsts)))


def test_a_voice_keeps_its_name_to_the_last_minute(diarizer: PyannoteDiarizer) -> None:
    one, other = recording("ls_2414-128291-0000")[: 12 * SAMPLE_RATE_HZ], recording("LJ001-0001")
    again = recording("ls_2414-128291-0002")
    middle = np.concatenate([other] * 6)
    waveform = np.concatenate([one, middle, again])
    found = diarize(diarizer, waveform, span_s=30.0)

    assert speakers(found.exclusive_turns) == 2
    assert found.exclusive_turns[0].speaker == found.exclusive_turns[-1].speaker == 0
    in_the_middle = [t for t in found.exclusive_turns if len(one) < t.start_s * SAMPLE_RATE_HZ < len(one) + len(middle)]
    assert {turn.speaker for turn in in_the_middle} == {1}


@pytest.mark.parametrize("name", ["long_lj001", "late_speech_ls_3259-158083-0000", "reverb_ls_1998-15444-0005"])
def test_a_reader_is_one_speaker(diarizer: PyannoteDiarizer, name: str) -> None:
    found = diarize(diarizer, recording(name)[: 60 * SAMPLE_RATE_HZ])

    assert speakers(found.turns) == 1


@pytest.mark.parametrize("name", ["silence_digital_20s", "silence_noisefloor_30s", "tone_1khz_10s", "tiny_50ms"])
def test_without_speech_there_are_no_turns(diarizer: PyannoteDiarizer, name: str) -> None:
    assert diarize(diarizer, recording(name)).turns == ()


@pytest.mark.parametrize("n_samples", [0, 1, 399, 400, 1279, 16_000])
def test_very_short_files_are_fine(diarizer: PyannoteDiarizer, n_samples: int) -> None:
    waveform = recording("jfk")[20_000 : 20_000 + n_samples]

    assert speakers(diarize(diarizer, waveform).turns) <= 1


@pytest.mark.parametrize("wanted", [1, 2, 3, 5])
def test_a_fixed_number_of_speakers_is_kept(
    diarizer: PyannoteDiarizer, minute: list[SpeakerWindows], wanted: int
) -> None:
    found = diarizer.link_speakers(minute, duration_s=60.0, bounds=SpeakerBounds(at_least=wanted, at_most=wanted))

    assert speakers(found.exclusive_turns) == wanted


def test_cancelled_work_stops_within_ten_seconds_of_audio(diarizer: PyannoteDiarizer) -> None:
    waveform, polls = recording("panel_dev2")[: 60 * SAMPLE_RATE_HZ], []
    windows_of(diarizer, waveform, cancelled=lambda: bool(polls.append(1)))
    assert len(polls) > 2 * len(waveform) / SAMPLE_RATE_HZ / 10  # twice over the file: segmentation, then voices

    for stop_at in (1, len(polls) // 3, len(polls) - 1):  # at once, while segmenting, while embedding
        polls.clear()

        def cancelled(limit: int = stop_at) -> bool:
            polls.append(1)
            return len(polls) >= limit

        with pytest.raises(ClientCancelled):
            windows_of(diarizer, waveform, cancelled=cancelled)
        assert len(polls) == stop_at


@pytest.mark.skipif(not has_vnni(), reason="this CPU saturates on 8-bit integers: the engine keeps to floats here")
def test_integers_hear_the_same_voices() -> None:
    from deployments.engines.diarization.features import centered, log_mel
    from deployments.engines.diarization.models import OnnxVoiceModels

    features = centered(log_mel(recording("conv_pyannote_sample")[: 20 * SAMPLE_RATE_HZ]))
    exact, rounded = (
        OnnxVoiceModels(weights_dir=WEIGHTS, threads=1, integers=integers).trunk(features) for integers in (False, True)
    )

    assert exact.shape == rounded.shape
    assert np.linalg.norm(exact - rounded) < 0.2 * np.linalg.norm(exact)
    assert np.corrcoef(exact.mean(axis=1), rounded.mean(axis=1))[0, 1] > 0.995


def test_a_replica_on_the_cpu_loads_no_torch() -> None:
    script = (
        "import sys, pathlib; from deployments.engines.diarization.engine import PyannoteDiarizer; "
        "PyannoteDiarizer(weights_dir=pathlib.Path(sys.argv[1])); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(WEIGHTS)], check=True, cwd=ROOT)


@pytest.mark.filterwarnings("ignore:(?s).*torchcodec")  # pyannote.audio does without it
def test_torch_gives_the_same_turns(diarizer: PyannoteDiarizer, tmp_path: Path) -> None:
    from benchmarks.library_peers.assemble_pyannote import pipeline_folder
    from benchmarks.library_peers.torchaudio_parts import ensure_torchaudio

    ensure_torchaudio()
    torch_diarizer = PyannoteDiarizer(weights_dir=pipeline_folder(WEIGHTS, tmp_path), device="cpu")
    waveform = recording("conv_pyannote_sample")

    expected, found = (diarize(engine, waveform) for engine in (diarizer, torch_diarizer))

    assert [turn.speaker for turn in found.turns] == [turn.speaker for turn in expected.turns]
    for turn, other in zip(found.turns, expected.turns, strict=True):
        assert (turn.start_s, turn.end_s) == pytest.approx((other.start_s, other.end_s), abs=0.02)
