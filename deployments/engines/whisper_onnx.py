"""Whisper's text and times from a decoder in onnxruntime, for CPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from deployments.engines.whisper_alignment import align_words
from deployments.engines.whisper_decoder import Transcription, WhisperDecoder
from deployments.engines.whisper_prompts import WhisperPrompts
from deployments.engines.whisper_rules import Logits, TokenRules
from deployments.engines.whisper_search import Limits, sample, search
from deployments.engines.whisper_text import Alignment, Generated, forbidden_repeats, longest_text, n_frames
from deployments.engines.whisper_windows import FRAMES_PER_SECOND, STATES_PER_SECOND, EncodedWindow

N_CONTEXT = 448  # tokens


class OnnxText:
    """Implements TextGenerator. Windows are written down one by one: with weights in order for one row, five beams of
    a window take as long as they would in a batch, and nothing depends on who shared it.
    """

    def __init__(
        self, decoder: WhisperDecoder, prompts: WhisperPrompts, *, beam_size: int, between: Callable[[], None]
    ) -> None:
        """`between`: called between two steps; it may use this object."""
        self._decoder = decoder
        self._between = between
        self._prompts = prompts
        self._beam_size = beam_size
        tokenizer = prompts.tokenizer("en", "transcribe")
        self._start, self._no_speech = int(tokenizer.sot), int(tokenizer.no_speech)
        self._no_timestamps = int(tokenizer.no_timestamps)
        self._rules = TokenRules(
            end=tokenizer.eot,
            first_mark=tokenizer.timestamp_begin,
            suppressed=np.array(sorted({*prompts.suppressed(), self._no_timestamps})),
        )
        self._latest: tuple[EncodedWindow, Transcription] | None = None

    def generate(self, windows: Sequence[EncodedWindow]) -> Iterator[tuple[list[int], list[Generated]]]:
        """Yield one place and what was written for it at a time."""
        for i, window in enumerate(windows):
            yield [i], [self._generate(window)]

    def _generate(self, window: EncodedWindow) -> Generated:
        options = window.options
        prompt = self._prompts.prompt(window.language, options)
        given = self._prompts.prefix(window.language, options)
        transcription = self._transcription(window)
        at_start, behind = transcription.begin(prompt, [prompt.index(self._start), len(prompt) - 1])
        longest = longest_text(window, len(prompt), N_CONTEXT)
        # As in CTranslate2: half of what the decoder takes is for what was said before.
        limits = Limits(
            longest=min(longest // 2, longest - (len(prompt) - len(given) - 1)), no_repeat=forbidden_repeats(options)
        )

        def step(rows: Sequence[int], tokens: Sequence[int]) -> Logits:
            self._between()
            return transcription.step(rows, tokens)

        task = (step, behind, given, self._rules, limits)
        found = (
            sample(*task, temperature=options.temperature)
            if options.temperature > 0
            else search(*task, n_beams=options.beam_size or self._beam_size)
        )
        self._latest = window, transcription  # another one may have been written between the steps
        likely = np.exp(at_start - at_start.max())
        return Generated(
            tokens=found.tokens[len(given) :],
            avg_logprob=found.mean,
            no_speech_prob=float(likely[self._no_speech] / likely.sum()),
        )

    def align(self, window: EncodedWindow, tokens: Sequence[int], tokenizer: Any) -> Alignment:
        """Align a window; cheaper for the one that was generated last."""
        opening = [*tokenizer.sot_sequence, self._no_timestamps]
        words, word_tokens = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
        rows = range(len(opening) - 1, len(opening) + len(tokens))
        n_states = max(n_frames(window) * STATES_PER_SECOND // FRAMES_PER_SECOND, 1)
        logits, attention = self._transcription(window).follow([*opening, *tokens, tokenizer.eot], rows)
        text = logits[: len(tokens), : tokenizer.eot]
        text = np.exp(text - text.max(axis=-1, keepdims=True))
        probabilities = text[np.arange(len(tokens)), list(tokens)] / text.sum(axis=-1)
        return align_words(attention[:, :, :n_states], probabilities, words=words[:-1], word_tokens=word_tokens[:-1])

    def _transcription(self, window: EncodedWindow) -> Transcription:
        if self._latest is None or self._latest[0] is not window:
            self._latest = None  # before the next one takes its memory
            self._latest = window, self._decoder.listen(window.states)
        return self._latest[1]
