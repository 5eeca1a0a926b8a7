"""A recognizer's answers, made by hand: from words to recognitions, and from speech on a file's clock to both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from serve_app.audio.plan import Chunk
from serve_app.audio.recording import Span
from serve_app.ports.speech import Recognition
from serve_app.transcript.model import Segment, Word, join_words


def word(text: str, start_s: float, end_s: float, *, confidence: float = 0.9) -> Word:
    return Word(text=text, start_s=start_s, end_s=end_s, confidence=confidence)


def recognition(words: Iterable[Word], *, language: str = "en", **how: float) -> Recognition:
    """All words as one segment; `how` are the recognition's own figures."""
    words = tuple(words)
    segments = ()
    if words:
        segment = Segment(
            start_s=words[0].start_s, end_s=words[-1].end_s, text=join_words(words), words=words, language=language
        )
        segments = (segment,)
    reached_s = words[-1].end_s if words else 0.0
    return Recognition(segments=segments, language=language, language_probability=1.0, reached_s=reached_s, **how)


def evenly(texts: Sequence[str] | str, *, start_s: float = 0.0, every_s: float = 0.3) -> list[Word]:
    """Words one after another without a pause."""
    texts = texts.split() if isinstance(texts, str) else texts
    return [word(t, start_s + i * every_s, start_s + (i + 1) * every_s) for i, t in enumerate(texts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is really said in a file: words on the file's clock, each inside one span of speech."""

    words: tuple[Word, ...]
    speech: tuple[Span, ...]

    def heard_in(self, chunk: Chunk) -> list[Word]:
        """Return the words in a chunk, on the chunk's clock, as a recognizer that hears everything writes them."""
        heard: list[Word] = []
        offset_s = 0.0
        for span in chunk.spans:
            by_s = offset_s - span.start_s
            heard += [w.shifted(by_s) for w in self.words if span.start_s <= (w.start_s + w.end_s) / 2 < span.end_s]
            offset_s += span.duration_s
        return [
            word(w.text, max(w.start_s, 0.0), min(w.end_s, chunk.duration_s), confidence=w.confidence) for w in heard
        ]


def talk(speech: Sequence[Span], *, word_s: float = 0.32, pause_s: float = 0.08, margin_s: float = 0.3) -> Said:
    """Fill spans of speech with distinct words; the margins of a span are the silence that the detector adds."""
    words: list[Word] = []
    for span in speech:
        start_s = span.start_s + margin_s
        while start_s + word_s <= span.end_s - margin_s:
            words.append(word(f"w{len(words)}", start_s, start_s + word_s))
            start_s += word_s + pause_s
    return Said(words=tuple(words), speech=tuple(speech))


@st.composite
def any_recognition(draw: st.DrawFn, *, duration_s: float) -> Recognition:
    """Words in order that do not overlap, on Whisper's grid of 20 ms, as the engine promises them."""
    n = draw(st.integers(0, 30))
    edges = sorted(draw(st.lists(st.integers(0, round(duration_s * 50)), min_size=2 * n, max_size=2 * n)))
    texts = st.sampled_from(["a", "b", "so", "Well,", "1462", "it."])
    words = [word(draw(texts), edges[2 * i] / 50, edges[2 * i + 1] / 50) for i in range(n)]
    figures = st.floats(-2.0, 1.0)
    return recognition(words, no_speech_prob=draw(figures), avg_logprob=draw(figures))
