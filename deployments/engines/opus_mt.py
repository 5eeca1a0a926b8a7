"""opus-mt on CTranslate2: one direction of one pair of languages.

J. Tiedemann and S. Thottingal, "OPUS-MT – Building open translation services for the World", EAMT 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployments.engines.token_windows import joined, windows

MAX_TOKENS = 200  # of one sentence; the models were trained on sentences, and repeat themselves in longer ones
MAX_GROWTH = 3  # target tokens for a source token; a translation that goes beyond runs in circles
END = "</s>"


class OpusMt:
    """Translates sentences. Not thread-safe: one call at a time."""

    def __init__(
        self, model: Path, *, device: str = "cpu", compute_type: str = "int8", threads: int = 1, beam_size: int = 4
    ) -> None:
        import ctranslate2
        import sentencepiece

        self._source = sentencepiece.SentencePieceProcessor(model_file=str(model / "source.spm"))
        self._target = sentencepiece.SentencePieceProcessor(model_file=str(model / "target.spm"))
        self._translator = ctranslate2.Translator(
            str(model), device=device, compute_type=compute_type, inter_threads=1, intra_threads=threads
        )
        self._beam_size = beam_size

    def translate(self, sentences: Sequence[str]) -> list[str]:
        """Translate each sentence; what is too long for one is cut between words and put together again."""
        cut = [windows(self._source.encode(sentence, out_type=str), MAX_TOKENS) for sentence in sentences]
        flat = [[*tokens, END] for parts in cut for tokens in parts]
        if not flat:
            return ["" for _ in sentences]
        results = self._translator.translate_batch(
            flat,
            beam_size=self._beam_size,
            max_batch_size=2048,
            batch_type="tokens",
            max_input_length=0,
            max_decoding_length=MAX_GROWTH * max(len(tokens) for tokens in flat) + 16,
            replace_unknowns=True,  # a name in letters the model lacks is copied
            repetition_penalty=1.1,
        )
        decoded = (self._target.decode(_without_end(result.hypotheses[0])) for result in results)
        return joined(cut, decoded)


def _without_end(tokens: list[str]) -> list[str]:
    return tokens[:-1] if tokens and tokens[-1] == END else tokens
