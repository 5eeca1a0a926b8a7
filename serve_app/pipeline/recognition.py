"""The second stage: all lanes of a recording through the recognizers, a bounded number at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from serve_app.audio.plan import Chunk, next_chunk, plan_lanes
from serve_app.audio.recording import Recording, Span
from serve_app.pipeline.fan_out import bounded_map, with_retries
from serve_app.pipeline.lane import Lane
from serve_app.pipeline.settings import PipelineSettings
from serve_app.ports.speech import LanguageIdentifier, Recognition, RecognizeOptions, Recognizer
from serve_app.transcript.merge import Heard


class LaneRunner:
    """Runs the lanes of one recording; `changed(self)` is called after every chunk."""

    def __init__(
        self,
        recording: Recording,
        speech: Sequence[Span],
        *,
        recognizer: Recognizer,
        options: RecognizeOptions,
        settings: PipelineSettings,
        changed: Callable[[LaneRunner], None],
    ) -> None:
        self._recording = recording
        self._recognizer = recognizer
        self._options = options
        self._settings = settings
        self._changed = changed
        self._parts = plan_lanes(speech, settings.plan)
        self.lanes = [Lane(spans, plan=settings.plan, checks=settings.review) for spans in self._parts]
        self._speech_s = [sum(span.duration_s for span in part) for part in self._parts]
        self._decoded_s = [0.0] * len(self._parts)
        self._done_words: list[Heard] = []  # of the lanes before the first that is not done
        self._n_done = 0

    async def run(self, identifier: LanguageIdentifier) -> None:
        """Run every lane to its end. Results do not depend on the order in which chunks come back."""
        if self._options.language is None:
            self._options = replace(self._options, language_hint=await self._common_language(identifier))
        await bounded_map(
            [partial(self._run_lane, n) for n in range(len(self.lanes))], limit=self._settings.lanes_in_flight
        )

    def finished_words(self, *, since: int = 0) -> list[Heard]:
        """Return the words that will not change any more, in file order, without the first `since` of them."""
        while self._n_done < len(self.lanes) and self.lanes[self._n_done].done:
            self._done_words.extend(self.lanes[self._n_done].words)
            self._n_done += 1
        words = self._done_words[since:]
        if self._n_done < len(self.lanes):
            lane = self.lanes[self._n_done]
            final_s = lane.final_until_s
            settled = [h for h in lane.words if h.word.end_s <= final_s]
            words.extend(settled[max(since - len(self._done_words), 0) :])
        return words

    @property
    def done(self) -> float:
        """Return the share of speech that has been decoded."""
        total_s = sum(self._speech_s)
        return sum(self._decoded_s) / total_s if total_s else 1.0

    async def _run_lane(self, n: int) -> None:
        lane = self.lanes[n]
        while step := lane.step():
            lane.accept(await self._recognize(step.chunk, replace(self._options, retry=step.retry)))
            self._decoded_s[n] = sum(min(max(lane.reached_s - s.start_s, 0.0), s.duration_s) for s in self._parts[n])
            self._changed(self)
        self._changed(self)  # the words of later lanes waited for the end of this one

    async def _recognize(self, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        part = self._recording.overlapping(chunk.spans)
        return await with_retries(partial(self._recognizer.recognize, part, chunk, options), self._settings.retries)

    async def _common_language(self, identifier: LanguageIdentifier) -> str | None:
        """Listen to chunks spread over a long recording; a recording of one chunk speaks for itself."""
        first = next_chunk(self._parts[0], self._parts[0][0].start_s, self._settings.plan)
        if first is None or (len(self._parts) == 1 and first.spans[-1] == self._parts[0][-1]):
            return None
        n = min(self._settings.language_samples, len(self._parts))
        picked = [self._parts[i * len(self._parts) // n] for i in range(n)]
        chunks = [c for part in picked if (c := next_chunk(part, part[0].start_s, self._settings.plan))]
        candidates = self._options.language_candidates
        votes = await bounded_map(
            [partial(self._identify, identifier, chunk, candidates) for chunk in chunks], limit=len(chunks)
        )
        totals: dict[str, float] = {}
        for probabilities in votes:
            for language, probability in probabilities.items():
                totals[language] = totals.get(language, 0.0) + probability
        return max(sorted(totals), key=lambda language: totals[language]) if totals else None

    async def _identify(
        self, identifier: LanguageIdentifier, chunk: Chunk, candidates: Sequence[str]
    ) -> dict[str, float]:
        part = self._recording.overlapping(chunk.spans)
        return await with_retries(partial(identifier.identify, part, chunk, candidates), self._settings.retries)
