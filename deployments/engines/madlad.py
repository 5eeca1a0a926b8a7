"""MADLAD-400 on CTranslate2: one T5 for all pairs of some 400 languages, told the target by a first token.

S. Kudugunta et al., "MADLAD-400: A Multilingual And Document-Level Large Audited Dataset", NeurIPS 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from deployments.engines.token_windows import joined, windows

MAX_TOKENS = 240
MAX_GROWTH = 3
END = "</s>"


class Madlad:
    """Translates sentences of any language into the one asked for. Not thread-safe: one call at a time."""

    def __init__(
        self, model: Path, *, device: str = "cuda", compute_type: str = "float16", threads: int = 1, beam_size: int = 2
    ) -> None:
        import ctranslate2
        import sentencepiece

        self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(_vocabulary(model)))
        self._translator = ctranslate2.Translator(
            str(model), device=device, compute_type=compute_type, inter_threads=1, intra_threads=threads
        )
        self._beam_size = beam_size

    def knows(self, target: str) -> bool:
        """Return whether the vocabulary has a token for this target language."""
        return bool(self._pieces.piece_to_id(_marker(target)) != self._pieces.unk_id())

    def translate(self, sentences: Sequence[str], *, targets: Sequence[str]) -> list[str]:
        """Translate each sentence into its own target; what is too long for one is cut and put together again."""
        cut = [windows(self._pieces.encode(sentence, out_type=str), MAX_TOKENS) for sentence in sentences]
        flat = [[_marker(target), *tokens, END] for parts, target in zip(cut, targets, strict=True) for tokens in parts]
        if not flat:
            return ["" for _ in sentences]
        results = self._translator.translate_batch(
            flat,
            beam_size=self._beam_size,
            max_batch_size=4096,
            batch_type="tokens",
            max_input_length=0,
            max_decoding_length=MAX_GROWTH * max(len(tokens) for tokens in flat) + 16,
            no_repeat_ngram_size=6,
        )
        return joined(cut, (self._pieces.decode(result.hypotheses[0]) for result in results))


def _marker(target: str) -> str:
    return f"<2{target}>"


def _vocabulary(model: Path) -> Path:
    """Return the SentencePiece model; conversions keep its name or the hub's."""
    return next(path for name in ("spiece.model", "sentencepiece.model") if (path := model / name).is_file())
