"""What a peer is, and which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.common.outcome import Outcome

RECOGNIZER_WEIGHTS, DIARIZER_WEIGHTS = "faster-whisper-base", "pyannote-community-1"


class Peer(Protocol):
    """A system with its models loaded."""

    def transcribe(self, path: Path, language: str | None) -> Outcome:
        """Answer for one recording; the cost is measured by the caller. May raise anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerKind:
    """How to start a peer, and what its answers depend on."""

    name: str
    load: Callable[[Path, Path, int], Peer]  # weights folder, cache folder, threads
    weights: str  # the folder under weights/
    packages: tuple[str, ...]
    revision: int = 1  # raised when the code of the peer changes its answers: cached answers are then not used


def _faster_whisper(*, batched: bool, word_times: bool) -> Callable[[Path, Path, int], Peer]:
    def load(weights: Path, _cache: Path, threads: int) -> Peer:
        from benchmarks.library_peers.faster_whisper import FasterWhisper

        return FasterWhisper(weights / RECOGNIZER_WEIGHTS, threads=threads, batched=batched, word_times=word_times)

    return load


def _stock_pyannote(weights: Path, cache: Path, threads: int) -> Peer:
    from benchmarks.library_peers.stock_pyannote import StockPyannote

    return StockPyannote(weights / DIARIZER_WEIGHTS, cache, threads=threads)


_WHISPER = ("faster-whisper", "ctranslate2", "av")

KINDS = {
    kind.name: kind
    for kind in (
        PeerKind(
            name="faster_whisper_sequential",
            load=_faster_whisper(batched=False, word_times=True),
            weights=RECOGNIZER_WEIGHTS,
            packages=_WHISPER,
        ),
        PeerKind(
            name="faster_whisper_batched",
            load=_faster_whisper(batched=True, word_times=True),
            weights=RECOGNIZER_WEIGHTS,
            packages=_WHISPER,
        ),
        PeerKind(
            name="faster_whisper_batched_no_words",
            load=_faster_whisper(batched=True, word_times=False),
            weights=RECOGNIZER_WEIGHTS,
            packages=_WHISPER,
        ),
        PeerKind(
            name="stock_pyannote",
            load=_stock_pyannote,
            weights=DIARIZER_WEIGHTS,
            packages=("pyannote.audio", "torch", "numpy"),
        ),
    )
}

GLUED = "glued"  # faster_whisper_sequential and stock_pyannote, put together by glue.py
PEER_NAMES = (*KINDS, GLUED)
