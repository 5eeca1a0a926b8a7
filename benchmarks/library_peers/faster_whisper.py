"""faster-whisper as its README shows it: defaults, beam 5, int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.common.outcome import HeardWord, Outcome

BATCH_SIZE = 8
BEAM_SIZE = 5


class FasterWhisper:
    """The sequential or the batched pipeline. Word times are on by default, as every API result carries them."""

    def __init__(self, weights: Path, *, threads: int, batched: bool, word_times: bool = True) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        model = WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1)
        self._pipeline: Any = BatchedInferencePipeline(model) if batched else model
        self._options: dict[str, Any] = {"beam_size": BEAM_SIZE, "word_timestamps": word_times}
        if batched:
            self._options["batch_size"] = BATCH_SIZE

    def transcribe(self, path: Path, language: str | None) -> Outcome:
        found, info = self._pipeline.transcribe(str(path), language=language, **self._options)
        segments = list(found)  # a generator: the decoding happens here
        words = tuple(
            HeardWord(text=word.word.strip(), start_s=float(word.start), end_s=float(word.end))
            for segment in segments
            for word in segment.words or ()
        )
        text = "".join(segment.text for segment in segments).strip()
        return Outcome(text=text, words=words, language=info.language)
