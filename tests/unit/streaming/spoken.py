"""A made-up speaker, and a recognizer that hears them imperfectly near the end of the sound."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from serve_app.audio.speech import FRAME_S, FRAME_SAMPLES
from serve_app.ports.speech import Recognition
from serve_app.streaming.decode import Decode
from serve_app.streaming.engine import StreamEngine
from serve_app.streaming.events import Event
from serve_app.transcript.model import Segment, Word, join_words

UNSURE_S = 0.25  # words that end so close to the end of the sound are misheard


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """Words at their times, and the sound's length."""

    words: tuple[Word, ...]
    duration_s: float

    def probabilities(self) -> np.ndarray:
        found = np.zeros(int(self.duration_s / FRAME_S), dtype=np.float32)
        for word in self.words:
            found[round(word.start_s / FRAME_S) : round(word.end_s / FRAME_S)] = 0.99
        return found

    def hear(self, decode: Decode) -> Recognition:
        """Write down the words of the window behind the prefix; the last one, cut off, as something else."""
        inside = [w for w in self.words if w.start_s >= decode.start_s - 0.05 and w.start_s < decode.end_s - 0.05]
        n_prefix = sum(len(known.text.split()) for known in decode.prefix)
        words = [
            Word(
                text=w.text if w.end_s < decode.end_s - UNSURE_S or decode.kind == "final" else "mumble",
                start_s=w.start_s - decode.start_s,
                end_s=min(w.end_s, decode.end_s) - decode.start_s,
                confidence=0.9,
            )
            for w in inside[n_prefix:]
        ]
        segment = Segment(start_s=0.0, end_s=1.0, text=join_words(tuple(words)), words=tuple(words))
        return Recognition(segments=(segment,), language="en", language_probability=0.99, reached_s=1.0)


@dataclass(frozen=True, kw_only=True)
class Fickle(Spoken):
    """Heard otherwise each time: every third word reads differently and stands a little off its place."""

    def hear(self, decode: Decode) -> Recognition:
        recognition = Spoken.hear(self, decode)
        (segment,) = recognition.segments
        turn = round(decode.end_s / FRAME_S)
        words = tuple(
            replace(word.shifted(0.04), text=word.text.replace("w", f"v{turn}_")) if (n + turn) % 3 == 0 else word
            for n, word in enumerate(segment.words)
        )
        return replace(recognition, segments=(replace(segment, words=words),))


def spoken(gaps_s: list[float], *, word_s: float = 0.3, sentence: int = 6, tail_s: float = 1.0) -> Spoken:
    """Return words w0 w1 …, each after its gap; every `sentence`-th ends one."""
    words: list[Word] = []
    time_s = 0.0
    for i, gap_s in enumerate(gaps_s):
        time_s += gap_s
        text = f"w{i}" + ("." if i % sentence == sentence - 1 else "")
        words.append(Word(text=text, start_s=time_s, end_s=time_s + word_s, confidence=0.9))
        time_s += word_s
    return Spoken(words=tuple(words), duration_s=time_s + tail_s)


def run(
    engine: StreamEngine, speech: Spoken, *, frames_at_once: int = 3, latency_frames: int = 6
) -> list[tuple[float, Event]]:
    """Feed a speech as if live, each decode taking `latency_frames`; return the events with the sound's time."""
    events: list[tuple[float, Event]] = []
    probabilities = speech.probabilities()
    decode: Decode | None = None
    ready = 0
    for start in range(0, len(probabilities), frames_at_once):
        part = probabilities[start : start + frames_at_once]
        sound = np.full(len(part) * FRAME_SAMPLES, 0.1, dtype=np.float32)
        events += [(engine.duration_s, e) for e in engine.feed(sound, part)]
        if decode is not None and start >= ready:
            events += [(engine.duration_s, e) for e in engine.accept(speech.hear(decode))]
            decode = None
        if decode is None:
            decode, ready = engine.next_decode(), start + latency_frames
    events += [(engine.duration_s, e) for e in engine.finish()]
    while decode is not None or (decode := engine.next_decode()) is not None:
        events += [(engine.duration_s, e) for e in engine.accept(speech.hear(decode))]
        decode = None
    return events
