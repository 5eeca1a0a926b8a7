"""What a transcription is made of. All times are seconds from the start of the file the client sent."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word with its punctuation, without surrounding spaces."""

    text: str
    start_s: float
    end_s: float
    confidence: float  # 0..1
    speaker: int | None = None  # 0-based, in order of first appearance
    space_before: bool = True  # False for scripts written without spaces, and for word parts

    def shifted(self, by_s: float) -> Word:
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A run of words by one speaker in one language; `text` is exactly the words joined."""

    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...]
    language: str | None = None
    confidence: float = 0.0  # 0..1, mean over words
    speaker: int | None = None
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    compression_ratio: float = 1.0
    temperature: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One speaker's contiguous span of speech; speakers are 0-based cluster numbers."""

    start_s: float
    end_s: float
    speaker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerTurns:
    """Who speaks when, twice: as heard, where turns may overlap, and with one speaker at a time, for words."""

    heard: tuple[Turn, ...] = ()
    exclusive: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """Something the caller should know that did not stop the request."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A finished transcript. Segments are in time order and word times never decrease."""

    segments: tuple[Segment, ...]
    duration_s: float
    language: str | None = None  # None without speech
    model: str = ""  # the name of the model that answered
    speakers: int = 0  # how many speakers were found; 0 when not asked for
    turns: tuple[Turn, ...] = ()  # who speaks when, overlaps included; speakers numbered as in the words
    snr_db: float | None = None
    warnings: tuple[Warning, ...] = ()

    @property
    def text(self) -> str:
        return join_words(tuple(word for segment in self.segments for word in segment.words))


def join_words(words: tuple[Word, ...]) -> str:
    """Join words into text: the one place that decides where spaces stand."""
    return "".join((" " if word.space_before else "") + word.text for word in words).strip()
