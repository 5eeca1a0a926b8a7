"""The coordinator: runs the pipeline for many requests, off the event loop of the ingress."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from ray.serve.handle import DeploymentHandle

from deployments.logs import use_serve_log
from deployments.measuring import measured_transcription
from deployments.metrics import RayMeter
from deployments.remote import remote_ports
from deployments.tracing import traced_transcription
from serve_app.pipeline.settings import PipelineSettings
from serve_app.pipeline.transcribe import TranscriptionPipeline
from serve_app.ports.speech import MediaFile, TranscribeEvent, TranscribeOptions


class TranscriptionDeployment:
    """Serves ports.Transcriber."""

    def __init__(
        self,
        *,
        media: DeploymentHandle[Any],
        detector: DeploymentHandle[Any],
        recognizers: Mapping[str, DeploymentHandle[Any]],
        diarizer: DeploymentHandle[Any] | None,
        settings: PipelineSettings,
    ) -> None:
        use_serve_log()
        self._meter = RayMeter()
        ports = remote_ports(media=media, detector=detector, recognizers=recognizers, diarizer=diarizer)
        self._pipeline = TranscriptionPipeline(settings=settings, **ports)

    async def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncIterator[TranscribeEvent]:
        running = self._pipeline.transcribe(source, options)
        labels: dict[str, Any] = {"model": options.model, "source": "request", "request_id": options.request_id}
        measured = measured_transcription(running, self._meter, **labels)
        async with aclosing(traced_transcription(measured, **labels)) as events:
            async for event in events:
                yield event
