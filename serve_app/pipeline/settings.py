"""How the pipeline works; all defaults were measured on the evaluation set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from serve_app.audio.plan import WINDOW_S, PlanSettings
from serve_app.audio.speech import SpeechSettings
from serve_app.pipeline.fan_out import RetrySettings
from serve_app.pipeline.review import ReviewSettings
from serve_app.transcript.merge import SegmentSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """Bounds of one request, and the settings of its stages."""

    lanes_in_flight: int = 8  # chunks of one request at the recognizers at once
    detections_in_flight: int = 2  # 30 s stretches of one request at the voice detectors at once
    diarizations_in_flight: int = 3  # stretches of one request at the diarizers at once
    diarization_span_s: float = 120.0  # the windows of this much audio are one call; each repeats some context
    interactive_s: float = 60.0  # recordings up to here go before longer ones, which keep their share of turns
    background: bool = False  # nobody waits for these recordings: they go after all others, however short
    long_call_s: float = 3600.0  # one call to a model for a long recording or in the background: others go before it
    snr_floor_db: float = -10.0  # below it people understand nothing either; noise mixed at -5 dB is transcribed
    window_s: float = WINDOW_S  # what the encoder is given at least, silence behind shorter chunks included
    language_samples: int = 3  # chunks listened to before a long recording's language is settled
    plan: PlanSettings = field(default_factory=PlanSettings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)
    segments: SegmentSettings = field(default_factory=SegmentSettings)
    retries: RetrySettings = field(default_factory=RetrySettings)

    def in_long_queues(self) -> PipelineSettings:
        """Return these settings for a recording that others go before: its calls to models may wait for long."""
        return replace(self, retries=replace(self.retries, timeout_s=self.long_call_s))
