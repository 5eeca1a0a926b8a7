"""pyannote.audio's community-1 pipeline as it comes: speakers and turns, no words."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from benchmarks.common.outcome import Outcome, SpeakerTurn

_SAMPLE_RATE_HZ = 16_000


class StockPyannote:
    """SpeakerDiarization with VBx clustering, loaded with `Pipeline.from_pretrained`."""

    def __init__(self, weights: Path, cache: Path, *, threads: int) -> None:
        from benchmarks.library_peers.torchaudio_parts import ensure_torchaudio

        ensure_torchaudio()
        warnings.filterwarnings("ignore", module="pyannote")  # torchcodec is not needed for decoded waveforms
        import torch
        from pyannote.audio import Pipeline

        from benchmarks.library_peers.assemble_pyannote import pipeline_folder

        torch.set_num_threads(threads)
        self._pipeline: Any = Pipeline.from_pretrained(pipeline_folder(weights, cache))

    def transcribe(self, path: Path, language: str | None) -> Outcome:
        import torch
        from faster_whisper.audio import decode_audio

        del language  # voices have none
        samples = decode_audio(str(path), sampling_rate=_SAMPLE_RATE_HZ)
        answer = self._pipeline({"waveform": torch.from_numpy(samples)[None], "sample_rate": _SAMPLE_RATE_HZ})
        return Outcome(
            text="",
            turns=_turns(answer.speaker_diarization),
            exclusive_turns=_turns(answer.exclusive_speaker_diarization),
        )


def _turns(annotation: Any) -> tuple[SpeakerTurn, ...]:
    return tuple(
        SpeakerTurn(start_s=float(span.start), end_s=float(span.end), speaker=str(label))
        for span, _, label in annotation.itertracks(yield_label=True)
    )
