"""What stands behind the sockets of these tests: a made-up speaker, ear and voices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from starlette.websockets import WebSocketDisconnect

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Recording, Span, Waveform
from serve_app.audio.speech import FRAME_SAMPLES
from serve_app.errors import ModelUnavailable
from serve_app.ports.speech import Recognition, RecognizeOptions, SpeakerWindows
from serve_app.ports.streaming import ListenedSound
from serve_app.transcript.model import Segment, Word

SECOND = (np.full(16_000, 3000, dtype="<i2")).tobytes()
QUIET = bytes(32_000)


class LoudIsSpeech:
    """A VoiceListener."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)

    async def listen(self, samples: Waveform) -> ListenedSound:
        sound = np.concatenate([self._rest, samples])
        n_frames = sound.size // FRAME_SAMPLES
        whole = sound[: n_frames * FRAME_SAMPLES]
        self._rest = sound[n_frames * FRAME_SAMPLES :]
        loud = np.abs(whole.reshape(n_frames, FRAME_SAMPLES)).max(axis=1, initial=0) > 0.01
        return ListenedSound(samples=whole, probabilities=loud.astype(np.float32))


class Halved:
    """A SoundEnhancer that can be told from none by how loud it leaves things."""

    def __init__(self, enhancement: str) -> None:
        self.enhancement = enhancement

    async def enhance(self, samples: Waveform, *, last: bool = False) -> Waveform:
        return samples / 2


class OneVoiceEach:
    """A Diarizer's ear: loud people have one voice, quiet ones another."""

    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        loud = float(np.abs(recording.blocks[0].samples).max()) > 0.07
        embedding = np.array([[[1.0, 0.0] if loud else [0.0, 1.0]]], dtype=np.float32)
        return SpeakerWindows(first_window=0, activity=np.ones((1, 10, 1), dtype=np.uint8), embeddings=embedding)


class HearsOneWord:
    """A Recognizer: one word, however much is said."""

    def __init__(self) -> None:
        self.failures = 0

    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        if self.failures:
            self.failures -= 1
            raise ModelUnavailable("A replica died.")
        word = Word(text="Hello.", start_s=0.3, end_s=min(0.8, chunk.duration_s), confidence=0.9)
        words = () if options.prefix else (word,)
        segment = Segment(start_s=0.0, end_s=1.0, text="Hello.", words=words)
        return Recognition(segments=(segment,), language="en", language_probability=1.0, reached_s=1.0)


def received(socket: Any) -> Iterator[dict[str, Any]]:
    try:
        while True:
            yield socket.receive_json()
    except WebSocketDisconnect as end:
        yield {"closed": end.code}
