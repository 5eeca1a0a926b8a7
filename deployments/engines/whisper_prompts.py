"""What Whisper's decoder is given before it writes: task, language, what was said before, and how its answer begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deployments.engines.whisper_words import mark_index
from serve_app.ports.speech import KnownText, RecognizeOptions

MAX_PREFIX_TOKENS = 160  # of 448 in all; half a minute of speech has fewer


class WhisperPrompts:
    """Prompts of one model, which is a faster_whisper.WhisperModel."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._tokenizers: dict[tuple[str, str], Any] = {}

    def tokenizer(self, language: str, task: str) -> Any:
        """Return the tokenizer of a language and task; every one has the same tokens."""
        key = (language, task)
        if key not in self._tokenizers:
            from faster_whisper.tokenizer import Tokenizer

            self._tokenizers[key] = Tokenizer(
                self._model.hf_tokenizer, self._model.model.is_multilingual, task=task, language=language
            )
        return self._tokenizers[key]

    def suppressed(self) -> list[int]:
        """Return the tokens that no transcript has."""
        from faster_whisper.transcribe import get_suppressed_tokens

        return list(get_suppressed_tokens(self.tokenizer("en", "transcribe"), [-1]))

    def prompt(self, language: str, options: RecognizeOptions) -> list[int]:
        """Return everything up to where the decoder goes on by itself."""
        tokenizer = self.tokenizer(language, options.task)
        previous = tokenizer.encode(" " + options.prompt.strip()) if options.prompt else []
        return [*self._model.get_prompt(tokenizer, previous), *self.prefix(language, options)]

    def prefix(self, language: str, options: RecognizeOptions) -> list[int]:
        """Return the tokens that the answer begins with; the oldest stretches are left out where there is no room."""
        return prefix_tokens(options.prefix, self.tokenizer(language, options.task))

    def prefix_text(self, language: str, options: RecognizeOptions) -> list[int]:
        """Return those of them that are text."""
        end_of_text = self.tokenizer(language, options.task).eot
        return [token for token in self.prefix(language, options) if token < end_of_text]


def prefix_tokens(known: Sequence[KnownText], tokenizer: Any) -> list[int]:
    """Return stretches as the decoder would have written them: between timestamps, the last one open if it goes on."""
    tokens: list[int] = []
    for stretch in reversed(known):
        text = list(tokenizer.encode(stretch.text))[-MAX_PREFIX_TOKENS:] if stretch.text else []
        if len(tokens) + len(text) > MAX_PREFIX_TOKENS:
            break
        marks = [tokenizer.timestamp_begin + mark_index(t) for t in (stretch.start_s, stretch.end_s) if t is not None]
        tokens = [marks[0], *text, *marks[1:], *tokens]
    return tokens
