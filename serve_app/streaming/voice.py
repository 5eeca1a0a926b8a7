"""From frame probabilities to speaking or not, with hysteresis."""

from __future__ import annotations

from serve_app.audio.speech import FRAME_S
from serve_app.streaming.settings import StreamSettings

_PAUSE_S = 0.1  # shorter dips are within a word


class VoiceState:
    """Follows one stream frame by frame."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._run = 0
        self._n_frames = 0
        self.speaking = False
        self.from_s = 0.0  # of the speech that goes on, or was last
        self.until_s = 0.0  # the end of its last frame

    def add(self, probability: float) -> None:
        """Take the next frame."""
        self._n_frames += 1
        now_s = self._n_frames * FRAME_S
        if self.speaking:
            if probability >= self._settings.offset:
                self.until_s = now_s
            elif now_s - self.until_s >= _PAUSE_S:
                self.speaking = False
                self._run = 0
            return
        self._run = self._run + 1 if probability >= self._settings.onset else 0
        if self._run >= self._settings.onset_frames:
            self.speaking = True
            self.from_s = now_s - self._run * FRAME_S
            self.until_s = now_s
