"""Settings of the text features' smaller models: embeddings, translation, and where talks are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from configs.base import Settings


class EmbedderOptions(Settings):
    """all-MiniLM-L6-v2."""

    weights: str = "minilm"
    device: str = "cpu"
    threads: int = Field(default=1, ge=1)
    max_texts: int = Field(default=2048, ge=1)  # of one call
    max_waiting: int = Field(default=1024, ge=1)  # groups of texts queued in a replica


class OpusMtOptions(Settings):
    """opus-mt models, one for each direction. They are loaded at first use, and pulled if they are not there."""

    engine: Literal["opus-mt"] = "opus-mt"
    weights: dict[str, str] = Field(  # pair -> weight set
        default={"en-fr": "opus-mt-en-fr", "fr-en": "opus-mt-fr-en"}, min_length=1
    )
    device: str = "cpu"
    compute_type: str = "int8"
    threads: int = Field(default=1, ge=1)
    beam_size: int = Field(default=4, ge=1)
    max_batch: int = Field(default=16, ge=1)  # sentences translated together
    max_waiting: int = Field(default=4096, ge=1)  # sentences queued in a replica

    @model_validator(mode="after")
    def _pairs_are_pairs(self) -> OpusMtOptions:
        if wrong := [pair for pair in self.weights if len(pair.split("-")) != 2]:
            raise ValueError(f"pairs are written like en-fr, not {wrong}")
        return self

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the pairs it translates."""
        return frozenset((source, target) for source, _, target in (pair.partition("-") for pair in self.weights))


class MadladOptions(Settings):
    """MADLAD-400, converted by an operator: `ct2-transformers-converter --model google/madlad400-3b-mt
    --quantization float16 --copy_files spiece.model --output_dir <path>`; 3B parameters take 6 GB."""

    engine: Literal["madlad"] = "madlad"
    path: Path
    device: str = "cuda"
    compute_type: str = "float16"
    threads: int = Field(default=1, ge=1)
    beam_size: int = Field(default=2, ge=1)
    max_batch: int = Field(default=32, ge=1)
    max_waiting: int = Field(default=4096, ge=1)


class TranslationOptions(Settings):
    """Which engines translate. A pair is answered by the first that knows it, the language model last."""

    opus_mt: OpusMtOptions | None = None
    madlad: MadladOptions | None = None
    language_model: bool = True  # translates between the languages it knows
    max_chars: int = Field(default=200_000, ge=1)  # of one request
    max_texts: int = Field(default=1000, ge=1)


class ChatOptions(Settings):
    """Talks about stored transcripts."""

    session_days: float = Field(default=30.0, gt=0)  # a session that is not used for so long is forgotten
    passages: int = Field(default=5, ge=1)  # that are found for a question
