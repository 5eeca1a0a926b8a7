"""The one pipeline: a media file in, events out, a transcript last. Every dialect and every job comes through here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Literal

from serve_app.errors import InternalError, ModelUnavailable
from serve_app.pipeline.diarization import diarize
from serve_app.pipeline.fan_out import cancelling_group
from serve_app.pipeline.listening import Listened, listen
from serve_app.pipeline.load import BACKGROUND, INTERACTIVE, LONG
from serve_app.pipeline.recognition import LaneRunner
from serve_app.pipeline.settings import PipelineSettings
from serve_app.ports.speech import (
    Diarizer,
    LanguageIdentifier,
    MediaDecoder,
    MediaFile,
    Progress,
    RecognizeOptions,
    Recognizer,
    SampleStore,
    SegmentReady,
    TranscribeEvent,
    TranscribeOptions,
    VoiceDetector,
)
from serve_app.transcript.merge import Heard, assign_speakers, build_segments, merge_words, named_turns
from serve_app.transcript.model import SpeakerTurns, Transcript, Warning

Report = Callable[[TranscribeEvent], None]


class TranscriptionPipeline:
    """Transcribes files with whatever stands behind the ports. Implements ports.Transcriber."""

    def __init__(
        self,
        *,
        decoder: MediaDecoder,
        detector: VoiceDetector,
        recognizers: Mapping[str, Recognizer],
        identifiers: Mapping[str, LanguageIdentifier],
        diarizer: Diarizer | None,
        store: SampleStore,
        settings: PipelineSettings,
    ) -> None:
        self._decoder = decoder
        self._detector = detector
        self._recognizers = recognizers
        self._identifiers = identifiers
        self._diarizer = diarizer
        self._store = store
        self._settings = settings

    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncGenerator[TranscribeEvent]:
        """Yield progress and finished segments; the last event is the Transcript. Closing the iterator stops the work.

        Raises SpeechError; ModelUnavailable when the deadline passes.
        """
        # Progress comes in bursts and is small; nothing else in the queue grows without the transcript growing too.
        events: asyncio.Queue[TranscribeEvent | None] = asyncio.Queue()
        work = asyncio.create_task(self._run(source, options, events.put_nowait))
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield work.result()
        finally:
            work.cancel()
            await asyncio.wait([work])

    async def _run(self, source: MediaFile, options: TranscribeOptions, report: Report) -> Transcript:
        try:
            async with asyncio.timeout(options.deadline_s) as deadline:
                return await self._transcript(source, options, report)
        except TimeoutError as error:
            if not deadline.expired():
                raise InternalError("A stage of the transcription timed out.") from error
            message = f"The transcription did not end within {options.deadline_s:g} s."
            raise ModelUnavailable(message, retry_after_s=30) from error

    async def _transcript(self, source: MediaFile, options: TranscribeOptions, report: Report) -> Transcript:
        listened = await listen(
            source,
            decoder=self._decoder,
            detector=self._detector,
            store=self._store,
            settings=self._settings,
            report=report,
        )
        if not listened.speech:
            return self._empty(listened, options, "no_speech_detected", "No speech was found in the recording.")
        if listened.snr_db is not None and listened.snr_db < self._settings.snr_floor_db:
            return self._empty(listened, options, "low_snr_dropped", "The noise is too loud to understand a word.")
        runner, turns = await self._recognize_and_diarize(listened, options, report)
        report(Progress(stage="merging", done=0.99, audio_s=listened.recording.duration_s))
        words = merge_words((lane.words for lane in runner.lanes), duration_s=listened.recording.duration_s)
        if not words:
            return self._empty(listened, options, "no_speech_detected", "No words were found in the recording.")
        words = assign_speakers(words, turns.exclusive)
        return Transcript(
            segments=build_segments(words, self._settings.segments),
            duration_s=listened.recording.duration_s,
            language=_main_language(words),
            model=options.model,
            speakers=len({h.word.speaker for h in words} - {None}),
            turns=named_turns(words, turns),
            snr_db=listened.snr_db,
            warnings=listened.warnings,
        )

    async def _recognize_and_diarize(
        self, listened: Listened, options: TranscribeOptions, report: Report
    ) -> tuple[LaneRunner, SpeakerTurns]:
        progress = _Progress(listened.recording.duration_s, diarizing=options.diarize, report=report)
        told_words = 0
        settings = self._settings.in_long_queues() if self._is_long(listened) else self._settings

        # It is handed the runner: a reference of its own would be a cycle that keeps the samples until collected.
        def tell(runner: LaneRunner, *, all_of_them: bool = False) -> None:
            nonlocal told_words
            segments = build_segments(runner.finished_words(since=told_words), self._settings.segments)
            # The last segment may still grow.
            for segment in segments if all_of_them else segments[:-1]:
                report(SegmentReady(segment=segment))
                told_words += len(segment.words)
            progress.recognized(runner.done)

        runner = LaneRunner(
            listened.recording,
            listened.speech,
            recognizer=self._recognizers[options.model],
            options=self._recognize_options(options, listened),
            settings=settings,
            changed=tell,
        )

        async def recognize() -> None:
            await runner.run(self._identifiers[options.model])
            tell(runner, all_of_them=True)

        turns = SpeakerTurns()
        async with cancelling_group() as group:
            group.create_task(recognize())
            if options.diarize and self._diarizer is not None:
                turns = await diarize(
                    listened.recording,
                    listened.speech,
                    diarizer=self._diarizer,
                    bounds=options.speakers,
                    settings=settings,
                    report=progress.diarized,
                )
        return runner, turns

    def _recognize_options(self, options: TranscribeOptions, listened: Listened) -> RecognizeOptions:
        return RecognizeOptions(
            language=options.language,
            language_candidates=options.language_candidates,
            task=options.task,
            prompt=options.prompt,
            temperature=options.temperature,
            account=options.account,
            request_id=options.request_id,
            priority=self._priority(listened),
            window_s=self._settings.window_s,
        )

    def _priority(self, listened: Listened) -> int:
        if self._settings.background:
            return BACKGROUND
        return LONG if self._is_long(listened) else INTERACTIVE

    def _is_long(self, listened: Listened) -> bool:
        return listened.recording.duration_s > self._settings.interactive_s

    def _empty(self, listened: Listened, options: TranscribeOptions, code: str, message: str) -> Transcript:
        return Transcript(
            segments=(),
            duration_s=listened.recording.duration_s,
            model=options.model,
            snr_db=listened.snr_db,
            warnings=(*listened.warnings, Warning(code=code, message=message)),
        )


class _Progress:
    """Weighs the two stages that run side by side into one figure that never goes back."""

    def __init__(self, audio_s: float, *, diarizing: bool, report: Report) -> None:
        self._audio_s = audio_s
        self._report = report
        self._weight = 0.5 if diarizing else 1.0
        self._recognized = self._diarized = 0.0

    def recognized(self, share: float) -> None:
        self._recognized = max(self._recognized, share)
        self._tell("recognizing")

    def diarized(self, share: float) -> None:
        self._diarized = max(self._diarized, share)
        self._tell("diarizing")

    def _tell(self, stage: Literal["recognizing", "diarizing"]) -> None:
        done = self._weight * self._recognized + (1 - self._weight) * self._diarized
        self._report(Progress(stage=stage, done=min(0.98 * done, 0.98), audio_s=self._audio_s))


def _main_language(words: list[Heard]) -> str:
    spoken_s: dict[str, float] = {}
    for h in words:
        spoken_s[h.language] = spoken_s.get(h.language, 0.0) + h.word.end_s - h.word.start_s
    return max(sorted(spoken_s), key=lambda language: spoken_s[language])
