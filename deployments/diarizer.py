"""The diarizer as a deployment: windows of any part of a file, and the linking over the whole of it."""

from __future__ import annotations

from pathlib import Path

from ray import ObjectRef

from configs.settings import DiarizerSettings
from deployments.local import LocalDiarizer
from deployments.remote import resolved, speech_errors
from deployments.yielding import give_way
from serve_app.audio.recording import Recording, Span
from serve_app.ports.speech import SpeakerBounds, SpeakerWindows
from serve_app.transcript.model import SpeakerTurns


class DiarizerDeployment:
    """Serves ports.Diarizer."""

    def __init__(self, settings: DiarizerSettings, weights: Path) -> None:
        give_way(device=settings.device)
        self._diarizer = LocalDiarizer(settings, weights)
        self._diarizer.warm_up()

    @speech_errors
    async def speaker_windows(self, recording: Recording, span: Span, duration_s: float) -> SpeakerWindows:
        return await self._diarizer.speaker_windows(await resolved(recording), span, duration_s=duration_s)

    @speech_errors
    async def link_speakers(
        self, boxed: list[ObjectRef[list[SpeakerWindows]]], duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        return await self._diarizer.link_speakers(await boxed[0], duration_s=duration_s, bounds=bounds)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Serve asks for this and hands it to the scaling policy."""
        return self._diarizer.scaling_stats()

    async def check_health(self) -> None:
        """Serve replaces the replica when this raises or hangs a few times on end."""
        await self._diarizer.check_health()
