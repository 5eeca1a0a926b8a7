"""One lane of a recording: which chunk comes next, and what has been written down so far. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.audio.plan import Chunk, PlanSettings, next_chunk
from serve_app.audio.recording import Span
from serve_app.pipeline.review import Hole, Review, ReviewSettings, bare_text, review
from serve_app.ports.speech import Recognition
from serve_app.transcript.merge import Heard

MAX_RETRIES = 2
SHORT_TAIL_S = 1.5  # a rest this short may be the end of the last word: what it gives
TAIL_CONFIDENCE = 0.25  # must be this sure to count
CREEP_S = 2.0  # a chunk that took decoding less far than this
MAX_CREEPS = 3  # so many times on end is taken for speech that cannot be written down, and passed over bit by bit


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStep:
    """A chunk to recognize; `retry` counts the attempts that ended in a repetition loop."""

    chunk: Chunk
    retry: int = 0
    repairs: tuple[Hole, ...] = ()  # the holes it fills; empty: speech not decoded before


class Lane:
    """A state machine: `step()` names the next chunk, `accept()` takes what was heard in it."""

    def __init__(self, spans: Sequence[Span], *, plan: PlanSettings, checks: ReviewSettings) -> None:
        self._spans = tuple(spans)
        self._plan = plan
        self._checks = checks
        self._from_s = spans[0].start_s
        self._holes: tuple[Hole, ...] = ()
        self._retry = 0
        self._creeps = 0
        self._resumed = False  # the next chunk is the rest of the last one
        self._step: LaneStep | None = None
        self._words: list[Heard] = []
        self._done = False

    @property
    def words(self) -> list[Heard]:
        """Everything heard so far, in the order of the file."""
        return sorted(self._words, key=lambda h: h.word.start_s)

    @property
    def final_until_s(self) -> float:
        """Words before this file time will not change any more."""
        return min([self._from_s, *(hole.spans[0].start_s for hole in self._holes)])

    @property
    def done(self) -> bool:
        """Whether every chunk has been decoded."""
        return self._done

    @property
    def reached_s(self) -> float:
        """Decoding has come this far on the file's clock."""
        return self._from_s

    def step(self) -> LaneStep | None:
        """Return the next chunk, or None when the lane is done."""
        if self._holes:
            spans = tuple(span for hole in self._holes for span in hole.spans)
            self._step = LaneStep(chunk=Chunk(spans=spans), repairs=self._holes)
        else:
            # After a loop, a shorter window gives the decoder another view of the same speech.
            room_s = self._plan.chunk_s / (1 + self._retry)
            chunk = next_chunk(self._spans, self._from_s, self._plan, room_s=room_s)
            self._step = LaneStep(chunk=chunk, retry=self._retry) if chunk else None
            self._done = chunk is None
        return self._step

    def accept(self, recognition: Recognition) -> None:
        """Take the outcome of the last step."""
        if self._step is None:
            raise RuntimeError("a lane accepts one recognition for each step")
        step, self._step = self._step, None
        found = review(step.chunk, recognition, self._checks)
        if step.repairs:
            self._holes = ()
            self._fill_holes(step.repairs, found.words)
            return
        words: Sequence[Heard] = found.words
        follows = any(0 <= step.chunk.spans[0].start_s - h.word.end_s < 0.05 for h in self._words)
        if follows:
            words = without_echo(self.words, words, self._from_s, float("inf"))
        if step.chunk.duration_s < SHORT_TAIL_S and (follows or self._resumed):
            words = [h for h in words if h.word.confidence >= TAIL_CONFIDENCE]
        self._words.extend(words)
        self._holes = found.holes
        self._resumed = found.resume_s is not None
        self._from_s = self._next_from_s(step, found)

    def _next_from_s(self, step: LaneStep, found: Review) -> float:
        """Return where decoding goes on: further on than before, or at the same place with one retry less left."""
        self._retry = step.retry + 1 if found.looped and step.retry < MAX_RETRIES else 0
        start_s, end_s = step.chunk.spans[0].start_s, max(self._from_s, step.chunk.spans[-1].end_s)
        if found.resume_s is None:
            self._creeps = 0
            return end_s
        if self._retry:
            return found.resume_s
        crept = found.resume_s < step.chunk.file_time(CREEP_S)
        self._creeps = self._creeps + 1 if crept else 0
        if self._creeps > MAX_CREEPS:
            return step.chunk.file_time(CREEP_S)
        return found.resume_s if found.resume_s > start_s else end_s

    def _fill_holes(self, holes: Sequence[Hole], words: Sequence[Heard]) -> None:
        """Put repaired words in; where nothing was found, the doubtful word of the first attempt stands.

        A hole is tried once: what stays empty twice is taken for silence.
        """
        for hole in holes:
            start_s, end_s = hole.spans[0].start_s, hole.spans[-1].end_s
            inside = [h for h in words if start_s <= h.word.start_s < end_s]
            if not inside and hole.doubtful is not None:
                inside = [hole.doubtful]
            self._words.extend(without_echo(self.words, inside, start_s, end_s))


def without_echo(known: Sequence[Heard], repaired: Sequence[Heard], start_s: float, end_s: float) -> list[Heard]:
    """Drop words at the edges of a repair that only repeat the known word next to the hole."""
    before = [bare_text(h.word.text) for h in known if h.word.start_s < start_s][-2:]
    after = [bare_text(h.word.text) for h in known if h.word.start_s >= end_s][:2]
    kept = list(repaired)
    for n in (2, 1):
        if len(before) >= n and before[-n:] == [bare_text(h.word.text) for h in kept[:n]]:
            kept = kept[n:]
            break
    for n in (2, 1):
        if len(after) >= n and after[:n] == [bare_text(h.word.text) for h in kept[-n:]]:
            kept = kept[:-n]
            break
    return kept
