"""Cut a recording into chunks for the recognizer: only in silence, else at the weakest frame."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.audio.recording import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The unit sent to a replica: speech spans of the file, in order, with the silence between them squeezed.

    The samples of a chunk are the samples of its spans one after another, each followed by `gap_s` of silence.
    """

    index: int
    spans: tuple[Span, ...]
    gap_s: float = 0.0
