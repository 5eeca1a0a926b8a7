"""Whisper, driven window by window so that windows of different requests share an engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.engines.whisper_ctranslate2 import CTranslate2Text
from deployments.engines.whisper_decoder import WhisperDecoder
from deployments.engines.whisper_encoder import LONGEST_S, PooledEncoder
from deployments.engines.whisper_onnx import OnnxText
from deployments.engines.whisper_prompts import WhisperPrompts
from deployments.engines.whisper_text import Generated, TextGenerator
from deployments.engines.whisper_windows import FRAMES_PER_SECOND, EncodedWindow, choose_language, encoded_s
from deployments.engines.whisper_words import (
    AlignedWord,
    TokenRun,
    after_prefix,
    build_segments,
    compression_ratio,
    merge_marks,
    split_runs,
    trim_long_words,
)
from serve_app.audio.plan import WINDOW_S
from serve_app.audio.recording import SAMPLE_RATE_HZ, Waveform
from serve_app.ports.speech import Recognition, RecognizeOptions


class FasterWhisperRecognizer:
    """One Whisper model. Not thread-safe: one call at a time.

    Encoding goes window by window: on a CPU a batch only spills the cache, and a caller can stop in between.
    `pool_silence`: chunks of up to 20 s that ask for a whole window are encoded on the CPU by PooledEncoder;
    `decoder`: `onnxruntime` writes on the CPU by WhisperDecoder, and calls `between` after every token; that may use
    the recognizer. Both raise ValueError where the weights do not allow
    it.
    """

    def __init__(
        self,
        weights: Path | str,
        *,
        device: str = "cpu",
        compute_type: str = "int8",
        threads: int = 1,
        beam_size: int = 5,
        pool_silence: bool = False,
        decoder: str = "ctranslate2",
        between: Callable[[], None] = lambda: None,
    ) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel

        logging.getLogger("faster_whisper").setLevel(logging.WARNING)
        self._model = WhisperModel(
            str(weights), device=device, compute_type=compute_type, cpu_threads=threads, num_workers=1
        )
        self._from_array = ctranslate2.StorageView.from_array
        self._cpu = ctranslate2.Device.cpu if device != "cpu" else None
        self._pooled = PooledEncoder(Path(weights), threads=threads) if pool_silence else None
        self._prompts = WhisperPrompts(self._model)
        self._text: TextGenerator
        if decoder == "onnxruntime":
            own = WhisperDecoder(Path(weights), threads=threads)
            self._text = OnnxText(own, self._prompts, beam_size=beam_size, between=between)
        else:
            self._text = CTranslate2Text(self._model, self._prompts, beam_size=beam_size)
        self.multilingual: bool = self._model.model.is_multilingual

    def encode(self, waveform: Waveform, options: RecognizeOptions) -> EncodedWindow:
        """Encode up to 30 s, and detect the language if the options leave it open."""
        duration_s = len(waveform) / SAMPLE_RATE_HZ
        if self._pooled and options.window_s >= WINDOW_S and duration_s <= LONGEST_S:
            states = self._pooled.encode(self._log_mel(waveform), duration_s=duration_s)
            output = self._from_array(states)
        else:
            output = self._model.encode(self._features(waveform, options.window_s))
            states = np.array(output.to_device(self._cpu) if self._cpu else output)
        language, probability = options.language or "en", 1.0
        if options.language is None and self.multilingual:
            probabilities = self._language_probabilities(output, options.language_candidates)
            language, probability = choose_language(probabilities, options.language_hint)
        return EncodedWindow(
            states=states,
            duration_s=duration_s,
            language=language,
            language_probability=probability,
            options=options,
        )

    def identify(self, waveform: Waveform, candidates: Sequence[str]) -> dict[str, float]:
        """Return language -> probability, over the candidates if there are any."""
        return self._language_probabilities(self._model.encode(self._features(waveform)), candidates)

    def _features(self, waveform: Waveform, window_s: float = WINDOW_S) -> npt.NDArray[np.float32]:
        """Return (1, n_mels, n_frames): the waveform, and silence up to the end of a window of at least `window_s`."""
        n_frames = round(encoded_s(len(waveform) / SAMPLE_RATE_HZ, window_s) * FRAMES_PER_SECOND)
        features = self._log_mel(waveform)[:, :n_frames]
        return np.pad(features, ((0, 0), (0, n_frames - features.shape[1])))[None]

    def _log_mel(self, waveform: Waveform) -> npt.NDArray[np.float32]:
        features: npt.NDArray[np.float32] = self._model.feature_extractor(waveform, padding=160)
        return features.astype(np.float32)

    def decode(self, windows: Sequence[EncodedWindow]) -> list[Recognition]:
        """Decode and align a batch; windows may differ in language, task and prompt."""
        results: list[Recognition | None] = [None] * len(windows)
        for members, generated in self._text.generate(windows):
            for i, written in zip(members, generated, strict=True):
                results[i] = self._recognition(windows[i], written)
        return [r for r in results if r is not None]

    def _recognition(self, window: EncodedWindow, generated: Generated) -> Recognition:
        tokenizer = self._prompts.tokenizer(window.language, window.options.task)
        runs = split_runs(generated.tokens, timestamp_begin=tokenizer.timestamp_begin, end_of_text=tokenizer.eot)
        if window.is_short:  # not trained on such, it may begin again after the end
            runs = [run for run in runs if run.start_s < window.duration_s]
        words = self._align(window, runs, tokenizer) if runs else []
        return _recognition_of(window, generated, runs, words, tokenizer.decode)

    def _align(self, window: EncodedWindow, runs: list[TokenRun], tokenizer: Any) -> list[AlignedWord]:
        known = self._prompts.prefix_text(window.language, window.options)
        alignment = self._text.align(window, [*known, *(token for run in runs for token in run.tokens)], tokenizer)
        return trim_long_words(
            merge_marks(
                [
                    AlignedWord(
                        text=text,
                        n_tokens=n_tokens,
                        start_s=float(w["start"]),
                        end_s=float(w["end"]),
                        probability=float(w["probability"]),
                    )
                    for w, text, n_tokens in after_prefix(alignment, len(known), decode=tokenizer.decode)
                ]
            )
        )

    def _language_probabilities(self, output: Any, candidates: Sequence[str]) -> dict[str, float]:
        found = {token[2:-2]: float(p) for token, p in self._model.model.detect_language(output)[0]}
        kept = {code: found[code] for code in candidates if code in found} or found
        total = sum(kept.values()) or 1.0
        return {code: p / total for code, p in kept.items()}


def _recognition_of(
    window: EncodedWindow,
    generated: Generated,
    runs: list[TokenRun],
    words: list[AlignedWord],
    decode_text: Callable[[list[int]], str],
) -> Recognition:
    segments = build_segments(runs, words, duration_s=window.duration_s, language=window.language)
    text = decode_text([token for run in runs for token in run.tokens])
    common: dict[str, Any] = {
        "avg_logprob": generated.avg_logprob,
        "no_speech_prob": generated.no_speech_prob,
        "compression_ratio": compression_ratio(text),
        "temperature": window.options.temperature,
    }
    reached_s = 0.0
    if segments:
        closed_s = runs[-1].end_s
        reached_s = segments[-1].end_s if closed_s is None else max(closed_s, segments[-1].end_s)
    return Recognition(
        segments=tuple(replace(s, **common) for s in segments),
        language=window.language,
        language_probability=window.language_probability,
        reached_s=min(reached_s, window.duration_s),
        **common,
    )
