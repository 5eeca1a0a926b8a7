"""Whisper's text and times from CTranslate2, for GPUs and for weights that are stored as integers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from deployments.engines.whisper_prompts import WhisperPrompts
from deployments.engines.whisper_rules import LATEST_START
from deployments.engines.whisper_search import N_SAMPLES
from deployments.engines.whisper_text import Alignment, Generated, forbidden_repeats, longest_text, n_frames
from deployments.engines.whisper_windows import EncodedWindow


class CTranslate2Text:
    """Implements TextGenerator over a faster_whisper.WhisperModel; windows of a kind share a batch."""

    def __init__(self, model: Any, prompts: WhisperPrompts, *, beam_size: int) -> None:
        import ctranslate2

        self._model = model
        self._prompts = prompts
        self._beam_size = beam_size
        self._suppressed = prompts.suppressed()
        self._from_array = ctranslate2.StorageView.from_array
        ctranslate2.set_random_seed(0)

    def generate(self, windows: Sequence[EncodedWindow]) -> Iterator[tuple[list[int], list[Generated]]]:
        """Yield the places of those that could share a batch, and what was written for them."""
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        prompts = [self._prompts.prompt(w.language, w.options) for w in windows]
        for i, window in enumerate(windows):
            options = window.options
            # CTranslate2 wants the start of transcript at one position in all prompts of a batch.
            alike = (len(prompts[i]), options.temperature, options.retry, options.beam_size, window.states.shape[1])
            groups[alike].append(i)
        for members in groups.values():
            yield members, self._generate([windows[i] for i in members], [prompts[i] for i in members])

    def _generate(self, windows: list[EncodedWindow], prompts: list[list[int]]) -> list[Generated]:
        options = windows[0].options
        longest = max(windows, key=lambda window: window.duration_s)
        prefixes = [self._prompts.prefix(w.language, w.options) for w in windows]
        sampling = options.temperature > 0
        results = self._model.model.generate(
            self._from_array(np.concatenate([window.states for window in windows])),
            prompts,
            beam_size=1 if sampling else options.beam_size or self._beam_size,
            num_hypotheses=N_SAMPLES if sampling else 1,
            sampling_topk=0 if sampling else 1,
            sampling_temperature=options.temperature if sampling else 1.0,
            no_repeat_ngram_size=forbidden_repeats(options),
            max_length=longest_text(longest, len(prompts[0]), int(self._model.max_length)),
            max_initial_timestamp_index=LATEST_START,
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [
            Generated(
                tokens=tuple(r.sequences_ids[0][len(prefix) :]),  # the prefix comes back too
                # The score is the mean over the tokens; the mean over tokens and end of text is the usual measure.
                avg_logprob=r.scores[0] * len(r.sequences_ids[0]) / (len(r.sequences_ids[0]) + 1),
                no_speech_prob=r.no_speech_prob,
            )
            for r, prefix in zip(results, prefixes, strict=True)
        ]

    def align(self, window: EncodedWindow, tokens: Sequence[int], tokenizer: Any) -> Alignment:
        """Align one window: in a batch, padding to the longest text shifts the others' times by a frame or two, and the
        result must not depend on who shared the batch.
        """
        found = self._model.find_alignment(
            tokenizer, [list(tokens)], self._from_array(window.states), [n_frames(window)]
        )
        aligned: Alignment = found[0]
        return aligned
