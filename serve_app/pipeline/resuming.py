"""The pipeline for work that may be broken off: it begins again where the finished answers of its models end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

from serve_app.pipeline.remembering import RememberingDetector, RememberingDiarizer, RememberingRecognizer
from serve_app.pipeline.settings import PipelineSettings
from serve_app.pipeline.transcribe import TranscriptionPipeline
from serve_app.ports.checkpoints import Checkpoints
from serve_app.ports.speech import (
    Diarizer,
    LanguageIdentifier,
    MediaDecoder,
    MediaFile,
    Recognizer,
    SampleStore,
    TranscribeEvent,
    TranscribeOptions,
    VoiceDetector,
)


class ResumingPipeline:
    """Transcribes files over the ports, after everything that somebody waits for.

    The file is decoded anew each time; no model is asked the same twice.
    """

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
        self._settings = replace(settings.in_long_queues(), background=True)

    def transcribe(
        self, source: MediaFile, options: TranscribeOptions, checkpoints: Checkpoints
    ) -> AsyncGenerator[TranscribeEvent]:
        """Yield what TranscriptionPipeline yields. `checkpoints` are of this very recording."""
        remembering = {
            model: RememberingRecognizer(recognizer, self._identifiers[model], checkpoints, model=model)
            for model, recognizer in self._recognizers.items()
        }
        pipeline = TranscriptionPipeline(
            decoder=self._decoder,
            detector=RememberingDetector(self._detector, checkpoints),
            recognizers=remembering,
            identifiers=remembering,
            diarizer=RememberingDiarizer(self._diarizer, checkpoints) if self._diarizer else None,
            store=self._store,
            settings=self._settings,
        )
        return pipeline.transcribe(source, options)
