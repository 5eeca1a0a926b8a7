"""How a stream is listened to; the defaults were measured on the evaluation set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """When words of at least some confidence are committed: sound heard behind them, and how long guesses had them."""

    confidence: float
    behind_s: float
    stood_s: float


_LADDER = (
    Rung(confidence=0.95, behind_s=0.3, stood_s=0.0),
    Rung(confidence=0.8, behind_s=0.5, stood_s=0.5),
    Rung(confidence=0.65, behind_s=0.7, stood_s=0.75),
    Rung(confidence=0.5, behind_s=1.2, stood_s=1.0),
    Rung(confidence=0.3, behind_s=1.6, stood_s=1.25),
    Rung(confidence=0.0, behind_s=2.5, stood_s=2.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """Times are seconds of the stream."""

    utterance_end_s: float = 0.8  # silence that ends an utterance; less is quicker and makes more mistakes
    onset: float = 0.5  # probability from which frames begin speech,
    onset_frames: int = 3  # so many of them (0.1 s) on end: fewer are clicks
    offset: float = 0.25  # speech goes on while frames are at least this probable
    padding_s: float = 0.3  # first sounds are faint: decoding begins this much before speech is sure
    tail_s: float = 0.3  # and ends this much after it
    pre_roll_s: float = 1.2  # sound kept while nobody speaks
    first_partial_s: float = 0.6  # speech that is enough for a first guess
    partial_every_s: float = 0.5  # new sound that is enough for the next one
    slow_down: float = 0.5  # and this share of what the last one took: who is busy guesses less often
    longest_wait_s: float = 3.0
    tentative_s: float = 0.2  # silence in which the utterance is decoded as if it had ended
    ladder: tuple[Rung, ...] = _LADDER  # the surest first; the last one is for every word
    last_word_s: float = 0.7  # behind a guess's last word, which is the end of a sentence for want of another
    trim_s: float = 10.0  # a window longer than this is cut behind a committed sentence,
    hard_trim_s: float = 14.0  # longer than this behind any committed word,
    longest_window_s: float = 20.0  # and never grows beyond this
    longest_utterance_s: float = 24.0  # then it is closed at the next cut
    language_s: float = 2.5  # speech after which its language is believed,
    sure_language_s: float = 1.2  # or after so little if it is this sure
    sure_language: float = 0.85
    rest_s: float = 0.8  # speech behind the last word of an utterance that is worth another look,
    rest_confidence: float = 0.3  # which must be this sure of a word
    max_retries: int = 2  # of a final that loops
    lead_gap_s: float = 2.0  # silence over which an utterance is decoded with the sound of the one before it,
    lead_s: float = 5.0  # so much of it
    keep_sound: bool = False  # hand every utterance's sound over with its end, for who wants to know the speaker
