"""Who speaks, told while they speak: utterances' voices into labels that stay, and a second look at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from serve_app.audio.recording import SAMPLE_RATE_HZ, Block, Recording, Span, Waveform
from serve_app.ports.speech import Diarizer, SpeakerBounds, SpeakerWindows

Voice: TypeAlias = npt.NDArray[np.float32]

_NO_FRAME = 1e-6
_ONE_VOICE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """Cosine similarities of voices, and seconds.

    Two seconds of clean speech were at least 0.7 like their speaker's mean and at most 0.5 like anybody else's; an
    utterance of a live session is shorter and noisier.
    """

    same: float = 0.5  # an utterance this much like a speaker is theirs
    new_s: float = 1.0  # a shorter one makes no new speaker: it goes to whom it is most like
    relink_distance: float = 0.55  # between clusters, where the second look stops joining them
    most_speakers: int = 32


def voice_of(windows: SpeakerWindows) -> Voice | None:
    """Return the unit-length voice of an utterance, (n_dims,): its local speakers, weighted by how long they speak
    alone; None when nobody is heard.
    """
    alone = windows.activity.sum(axis=2, keepdims=True) == 1
    weights = (windows.activity * alone).sum(axis=1).astype(np.float32)
    weights += _NO_FRAME * windows.activity.any(axis=1)
    weights *= np.isfinite(windows.embeddings).all(axis=2)
    if not weights.any():
        return None
    voices = np.nan_to_num(windows.embeddings)
    voices /= np.maximum(np.linalg.norm(voices, axis=2, keepdims=True), _NO_FRAME)
    loudest = voices[np.unravel_index(np.argmax(weights), weights.shape)]
    alike = voices @ loudest > _ONE_VOICE  # a second voice in the utterance is left out
    return _unit(np.einsum("ws,wsd->d", weights * alike, voices))


class UtteranceVoices:
    """Hears who spoke an utterance, through the diarizers."""

    def __init__(self, diarizer: Diarizer) -> None:
        self._diarizer = diarizer

    async def voice(self, samples: Waveform) -> Voice | None:
        """Return the voice of an utterance; None when nobody is heard in it."""
        duration_s = samples.size / SAMPLE_RATE_HZ
        recording = Recording(blocks=(Block(start=0, n_samples=samples.size, samples=samples),))
        windows = await self._diarizer.speaker_windows(recording, Span(0.0, duration_s), duration_s=duration_s)
        return voice_of(windows)


class LiveSpeakers:
    """Labels the utterances of one session in the order in which they end; a label, once told, keeps its voice."""

    def __init__(self, bounds: SpeakerBounds | None = None, settings: VoiceSettings | None = None) -> None:
        self._bounds = bounds or SpeakerBounds()
        self._settings = settings or VoiceSettings()
        self._sums: list[Voice] = []  # of the speakers' voices, weighted by seconds
        self._voices: list[Voice] = []
        self.labels: list[int] = []

    def label(self, voice: Voice, duration_s: float) -> int:
        """Return the speaker of the next utterance, counted from 0 by first appearance."""
        likeness = [float(voice @ _unit(total)) for total in self._sums]
        best = int(np.argmax(likeness)) if likeness else -1
        if self._is_new(likeness, duration_s):
            self._sums.append(np.zeros_like(voice))
            best = len(self._sums) - 1
        self._sums[best] += voice * np.float32(duration_s)
        self._voices.append(voice)
        self.labels.append(best)
        return best

    def relinked(self) -> list[int]:
        """Return a speaker for every utterance so far, from all of them at once (average linkage on cosines)."""
        if len(self._voices) < 2:
            return list(self.labels)
        from scipy.cluster.hierarchy import fcluster, linkage

        tree = linkage(np.stack(self._voices), method="average", metric="cosine")
        found = fcluster(tree, self._settings.relink_distance, criterion="distance")
        n_found = len(set(found.tolist()))
        at_least, at_most = self._bounds.at_least or 1, self._bounds.at_most or self._settings.most_speakers
        if not at_least <= n_found <= at_most:
            wanted = min(max(n_found, at_least), at_most)
            found = fcluster(tree, wanted, criterion="maxclust")
        by_appearance: dict[int, int] = {}
        return [by_appearance.setdefault(cluster, len(by_appearance)) for cluster in found.tolist()]

    def _is_new(self, likeness: list[float], duration_s: float) -> bool:
        if not likeness:
            return True
        if len(likeness) >= (self._bounds.at_most or self._settings.most_speakers):
            return False
        return max(likeness) < self._settings.same and duration_s >= self._settings.new_s


def _unit(vector: Voice) -> Voice:
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length else vector
