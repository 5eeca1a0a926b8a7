"""Speaker diarization with pyannote's community-1 models, cut so that any replica can do any part of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deployments.engines.diarization.features import HOP_SAMPLES, centered, log_mel
from deployments.engines.diarization.linking import LinkingOptions, link_local_speakers
from deployments.engines.diarization.models import (
    TRUNK_CONTEXT_FRAMES,
    TRUNK_HOP_FRAMES,
    OnnxVoiceModels,
    TorchVoiceModels,
    VoiceModels,
)
from deployments.engines.diarization.turns import Diarization, find_turns
from deployments.engines.diarization.vbx import Plda
from deployments.engines.diarization.voices import (
    FRAMES_PER_WINDOW,
    LOCAL_SPEAKERS,
    Activity,
    batches,
    decode_powerset,
    embedding_masks,
    masks_at,
    pooled,
    trunk_range,
)
from serve_app.audio.recording import SAMPLE_RATE_HZ, Span, Waveform
from serve_app.audio.windows import WINDOW_SAMPLES, samples_needed, step_samples, window_count, windows_in
from serve_app.errors import ClientCancelled
from serve_app.ports.speech import SpeakerBounds, SpeakerWindows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Starts = npt.NDArray[np.int_]


class PyannoteDiarizer:
    """Local speakers of any span of a file, and their linking over the whole file.

    The embedding network runs once over the audio instead of once per window and local speaker; only the pooling over
    time is done for each. A folder of ONNX weights runs on the CPU with so many `threads`, a folder as the hub's
    pyannote/speaker-diarization-community-1 on the torch `device`.
    """

    def __init__(
        self,
        *,
        weights_dir: Path,
        device: str = "cpu",
        threads: int = 1,
        linking: LinkingOptions | None = None,
    ) -> None:
        hub_folder = (weights_dir / "plda").is_dir()
        self._models: VoiceModels = (
            TorchVoiceModels(weights_dir=weights_dir, device=device)
            if hub_folder
            else OnnxVoiceModels(weights_dir=weights_dir, threads=threads)
        )
        self._plda = Plda.load(weights_dir / "plda" if hub_folder else weights_dir)
        self._linking = linking or LinkingOptions()

    def speaker_windows(
        self,
        waveform: Waveform,
        span: Span,
        *,
        offset_s: float,
        file_duration_s: float,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> SpeakerWindows:
        """Find local speakers and their embeddings in the windows which start inside the span.

        `waveform` holds at least `samples_needed(span, file_duration_s)` and starts `offset_s` into the file. The
        result does not depend on how the file is cut into spans. Raises ClientCancelled soon after `cancelled` says so.
        """
        windows = windows_in(span, file_duration_s)
        starts = np.asarray(windows) * step_samples(file_duration_s)
        needed = samples_needed(span, file_duration_s)
        first, stop = (round((time_s - offset_s) * SAMPLE_RATE_HZ) for time_s in (needed.start_s, needed.end_s))
        waveform = waveform[first:stop]
        offset = round(needed.start_s * SAMPLE_RATE_HZ)
        activity = self._segment(waveform, starts - offset, cancelled)
        embeddings = self._embed(waveform, offset, starts, activity, cancelled)
        return SpeakerWindows(first_window=windows.start, activity=activity, embeddings=embeddings)

    def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds | None = None
    ) -> Diarization:
        """Cluster the voices of the whole file once.

        `windows` are the file's, in any order; nobody speaks in those that are left out.
        """
        bounds = bounds or SpeakerBounds()
        count, step = window_count(duration_s), step_samples(duration_s)
        activity = np.zeros((count, FRAMES_PER_WINDOW, LOCAL_SPEAKERS), dtype=np.uint8)
        embeddings = np.full((count, LOCAL_SPEAKERS, len(self._models.projection[1])), np.nan, dtype=np.float32)
        for part in windows:
            rows = slice(part.first_window, part.first_window + len(part.activity))
            activity[rows], embeddings[rows] = part.activity, part.embeddings
        labels = link_local_speakers(
            activity, embeddings, step_s=step / SAMPLE_RATE_HZ, plda=self._plda, bounds=bounds, options=self._linking
        )
        return find_turns(activity, labels, step_samples=step, duration_s=duration_s, at_most=bounds.at_most)

    def _segment(self, waveform: Waveform, starts: Starts, cancelled: Callable[[], bool]) -> Activity:
        """Return the activity in the windows that start at these samples of the waveform."""
        parts = [np.zeros((0, FRAMES_PER_WINDOW, LOCAL_SPEAKERS), dtype=np.uint8)]
        for batch in batches(range(len(starts)), self._models.windows_at_once):
            _stop_if(cancelled)
            audio = np.zeros((len(batch), WINDOW_SAMPLES), dtype=np.float32)
            for row, start in zip(audio, starts[batch.start : batch.stop], strict=True):
                heard = waveform[start : start + WINDOW_SAMPLES]
                row[: len(heard)] = heard
            parts.append(decode_powerset(self._models.segment(audio)))
        return np.concatenate(parts)

    def _embed(
        self, waveform: Waveform, offset: int, starts: Starts, activity: Activity, cancelled: Callable[[], bool]
    ) -> npt.NDArray[np.float32]:
        """Return the voices in the windows that start at these samples of the file; the waveform starts at `offset`."""
        weight, bias = self._models.projection
        embeddings = np.full((*activity.shape[::2], len(bias)), np.nan, dtype=np.float32)
        # The trunk's grid is the file's: start at the first feature frame that begins a trunk frame of the file.
        first_frame = -(-offset // (HOP_SAMPLES * TRUNK_HOP_FRAMES)) * TRUNK_HOP_FRAMES
        features = centered(log_mel(waveform[first_frame * HOP_SAMPLES - offset :]))
        first_trunk, n_trunk = first_frame // TRUNK_HOP_FRAMES, -(-len(features) // TRUNK_HOP_FRAMES)
        masks = embedding_masks(activity)
        ranges = [trunk_range(start, WINDOW_SAMPLES, first_trunk + n_trunk) for start in starts.tolist()]
        needed = np.zeros(n_trunk, dtype=bool)
        for frames, mask in zip(ranges, masks, strict=True):
            if mask.any():
                needed[frames.start - first_trunk : frames.stop - first_trunk] = True
        activations = self._trunk(features, needed, cancelled)
        squares = np.square(activations)
        for row, (frames, start) in enumerate(zip(ranges, starts.tolist(), strict=True)):
            if not masks[row].any() or not frames:
                continue
            part = slice(frames.start - first_trunk, frames.stop - first_trunk)
            weights = masks_at(frames, masks[row], start)
            statistics = pooled(activations[:, part], squares[:, part], weights)
            embeddings[row] = statistics @ weight.T + bias
        return embeddings

    def _trunk(
        self, features: npt.NDArray[np.float32], needed: npt.NDArray[np.bool_], cancelled: Callable[[], bool]
    ) -> npt.NDArray[np.float32]:
        """Return (n_channels, n_trunk_frames) activations, zero where they are not needed."""
        n_channels = self._models.projection[0].shape[1] // 2
        activations = np.zeros((n_channels, len(needed)), dtype=np.float32)
        for block in batches(range(len(needed)), self._models.trunk_frames_at_once):
            if not needed[block.start : block.stop].any():
                continue
            _stop_if(cancelled)
            first = max(block.start * TRUNK_HOP_FRAMES - TRUNK_CONTEXT_FRAMES, 0)
            seen = self._models.trunk(features[first : block.stop * TRUNK_HOP_FRAMES + TRUNK_CONTEXT_FRAMES])
            skipped = block.start - first // TRUNK_HOP_FRAMES
            activations[:, block.start : block.stop] = seen[:, skipped : skipped + len(block)]
        return activations


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise ClientCancelled("The client hung up while speakers were being told apart.")
