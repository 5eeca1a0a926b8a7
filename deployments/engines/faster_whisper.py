"""Whisper on CTranslate2, driven window by window so that windows of different requests share a batch."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.engines.whisper_encoder import LONGEST_S, PooledEncoder
from deployments.engines.whisper_prompts import WhisperPrompts
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

MAX_TOKENS_PER_S = 10
MARK_TOKENS = 20  # for timestamps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decoded:
    tokens: tuple[int, ...]  # what follows the prefix
    avg_logprob: float
    no_speech_prob: float


class FasterWhisperRecognizer:
    """One Whisper model. Not thread-safe: one call at a time.

    Encoding goes window by window (on a CPU a batch only spills the cache, and a caller can stop in between);
    decoding takes a batch, since its matrices are thin. `pool_silence`: chunks of up to 20 s that ask for a whole
    window are encoded on the CPU by PooledEncoder, which raises ValueError where the weights do not allow it.
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
    ) -> None:
        import ctranslate2
        from faster_whisper import WhisperModel

        logging.getLogger("faster_whisper").setLevel(logging.WARNING)
        ctranslate2.set_random_seed(0)
        self._model = WhisperModel(
            str(weights), device=device, compute_type=compute_type, cpu_threads=threads, num_workers=1
        )
        self._from_array = ctranslate2.StorageView.from_array
        self._cpu = ctranslate2.Device.cpu if device != "cpu" else None
        self._beam_size = beam_size
        self._pooled = PooledEncoder(Path(weights), threads=threads) if pool_silence else None
        self._prompts = WhisperPrompts(self._model)
        self._suppressed = self._prompts.suppressed()
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
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        prompts = [self._prompts.prompt(w.language, w.options) for w in windows]
        for i, window in enumerate(windows):
            options = window.options
            # CTranslate2 wants the start of transcript at one position in all prompts of a batch.
            alike = (len(prompts[i]), options.temperature, options.retry, options.beam_size, window.states.shape[1])
            groups[alike].append(i)
        for members in groups.values():
            states = self._from_array(np.concatenate([windows[i].states for i in members]))
            decoded = self._generate(states, [prompts[i] for i in members], [windows[i] for i in members])
            for i, recognition in zip(members, self._recognitions([windows[i] for i in members], decoded), strict=True):
                results[i] = recognition
        return [r for r in results if r is not None]

    def _generate(self, states: Any, prompts: list[list[int]], windows: list[EncodedWindow]) -> list[_Decoded]:
        options = windows[0].options
        prefixes = [self._prompts.prefix(w.language, w.options) for w in windows]
        sampling = options.temperature > 0
        results = self._model.model.generate(
            states,
            prompts,
            beam_size=1 if sampling else options.beam_size or self._beam_size,
            num_hypotheses=5 if sampling else 1,
            sampling_topk=0 if sampling else 1,
            sampling_temperature=options.temperature if sampling else 1.0,
            no_repeat_ngram_size=(0, 5, 3)[min(options.retry, 2)],
            max_length=self._max_length(windows, prompts),
            max_initial_timestamp_index=50,  # 1 s: the first word may start that late in the window
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            _Decoded(
                tokens=tuple(r.sequences_ids[0][len(prefix) :]),  # the prefix comes back too
                # The score is the mean over the tokens; the mean over tokens and end of text is the usual measure.
                avg_logprob=r.scores[0] * len(r.sequences_ids[0]) / (len(r.sequences_ids[0]) + 1),
                no_speech_prob=r.no_speech_prob,
            )
            for r, prefix in zip(results, prefixes, strict=True)
        ]

    def _max_length(self, windows: Sequence[EncodedWindow], prompts: Sequence[Sequence[int]]) -> int:
        """A short window that goes on after its end repeats itself: it gets no more tokens than can be spoken in it."""
        if not windows[0].is_short:
            return int(self._model.max_length)
        spoken = round(max(w.duration_s for w in windows) * MAX_TOKENS_PER_S)
        return min(len(prompts[0]) + spoken + MARK_TOKENS, int(self._model.max_length))

    def _recognitions(self, windows: list[EncodedWindow], decoded: list[_Decoded]) -> list[Recognition]:
        tokenizer = self._prompts.tokenizer(windows[0].language, windows[0].options.task)
        runs = [
            split_runs(d.tokens, timestamp_begin=tokenizer.timestamp_begin, end_of_text=tokenizer.eot) for d in decoded
        ]
        by_language: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, window in enumerate(windows):
            if window.is_short:  # not trained on such, it may begin again after the end
                runs[i] = [run for run in runs[i] if run.start_s < window.duration_s]
            if runs[i]:
                by_language[window.language, window.options.task].append(i)
        words: dict[int, list[AlignedWord]] = {}
        for (language, task), members in by_language.items():
            aligned = self._align([windows[i] for i in members], [runs[i] for i in members], language, task)
            words.update(zip(members, aligned, strict=True))
        return [
            _recognition(windows[i], decoded[i], runs[i], words.get(i, []), tokenizer.decode)
            for i in range(len(windows))
        ]

    def _align(
        self, windows: list[EncodedWindow], runs: list[list[TokenRun]], language: str, task: str
    ) -> list[list[AlignedWord]]:
        tokenizer = self._prompts.tokenizer(language, task)
        known = [self._prompts.prefix_text(language, window.options) for window in windows]
        # One by one: in a batch, padding to the longest text shifts the others' times by a frame or two, and the result
        # must not depend on who shared the batch.
        alignments = [
            self._model.find_alignment(
                tokenizer,
                [[*before, *(token for run in item for token in run.tokens)]],
                self._from_array(window.states),
                [math.ceil(min(window.duration_s, WINDOW_S) * FRAMES_PER_SECOND)],
            )[0]
            for window, item, before in zip(windows, runs, known, strict=True)
        ]
        return [
            trim_long_words(
                merge_marks(
                    [
                        AlignedWord(
                            text=text,
                            n_tokens=n_tokens,
                            start_s=float(w["start"]),
                            end_s=float(w["end"]),
                            probability=float(w["probability"]),
                        )
                        for w, text, n_tokens in after_prefix(alignment, len(before), decode=tokenizer.decode)
                    ]
                )
            )
            for before, alignment in zip(known, alignments, strict=True)
        ]

    def _language_probabilities(self, output: Any, candidates: Sequence[str]) -> dict[str, float]:
        found = {token[2:-2]: float(p) for token, p in self._model.model.detect_language(output)[0]}
        kept = {code: found[code] for code in candidates if code in found} or found
        total = sum(kept.values()) or 1.0
        return {code: p / total for code, p in kept.items()}


def _recognition(
    window: EncodedWindow,
    decoded: _Decoded,
    runs: list[TokenRun],
    words: list[AlignedWord],
    decode_text: Callable[[list[int]], str],
) -> Recognition:
    segments = build_segments(runs, words, duration_s=window.duration_s, language=window.language)
    text = decode_text([token for run in runs for token in run.tokens])
    common: dict[str, Any] = {
        "avg_logprob": decoded.avg_logprob,
        "no_speech_prob": decoded.no_speech_prob,
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
