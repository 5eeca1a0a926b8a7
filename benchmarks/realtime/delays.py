"""How long words, captions and finals took, and whether anything was taken back. Plain arithmetic on messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.common.live_client import RATE_HZ, LiveRun, Message

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CLEAR_S = 1.0  # silence around speech that leaves no doubt which utterance a message belongs to
_NEAR_S = 0.5  # times of words are this rough
_END_OF_UTTERANCE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """Speech between two silences, as a voice detector hears it in the recording."""

    start_s: float
    end_s: float
    clear_before: bool = True
    clear_after: bool = True


@dataclass(slots=True, kw_only=True)
class Delays:
    """Seconds from the sound to the message, one for each."""

    first_s: list[float] = field(default_factory=list)  # the beginning of speech -> its first words, final or not
    commit_s: list[float] = field(default_factory=list)  # the end of a word -> the word is final
    final_s: list[float] = field(default_factory=list)  # the end of speech -> the utterance is final
    n_unanswered: int = 0  # stretches of speech without a final of their own

    def add(self, other: Delays) -> None:
        self.first_s += other.first_s
        self.commit_s += other.commit_s
        self.final_s += other.final_s
        self.n_unanswered += other.n_unanswered


def spoken_in(samples: npt.NDArray[np.int16]) -> list[Spoken]:
    """Return where somebody speaks, by Silero's network over the whole recording, in one piece."""
    import numpy as np
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=0.5,
        neg_threshold=0.25,
        min_speech_duration_ms=100,
        min_silence_duration_ms=round(_END_OF_UTTERANCE_S * 1000),
        speech_pad_ms=0,
    )
    spans = get_speech_timestamps(samples.astype(np.float32) / 32_768, options)
    return with_borders([(span["start"] / RATE_HZ, span["end"] / RATE_HZ) for span in spans])


def with_borders(spans: Sequence[tuple[float, float]]) -> list[Spoken]:
    """Say of each span whether enough silence is before and behind it."""
    clear = [after[0] - before[1] >= CLEAR_S for before, after in pairwise(spans)]
    return [
        Spoken(start_s=start_s, end_s=end_s, clear_before=before, clear_after=after)
        for (start_s, end_s), before, after in zip(spans, [True, *clear], [*clear, True], strict=False)
    ]


def delays_of(run: LiveRun, spoken: Sequence[Spoken]) -> Delays:
    """Return the delays of a session; of the 60db dialect, whose interim results have no times, only the last."""
    found = Delays()
    captions = [m for m in run.messages if m.content.get("start") is not None]
    finals = [m for m in captions if m.content.get("speech_final")]
    growing = [m for m in captions if "partial" in m.content]
    for message in growing:
        found.commit_s += [message.at_s - word["end"] for word in message.content["words"]]
    for span in spoken:
        if span.clear_before and (first := _first_about(growing, span)) is not None:
            found.first_s.append(first.at_s - span.start_s)
        if span.clear_after:
            final = _final_of(finals, span)
            if final is None:
                found.n_unanswered += 1
            else:
                found.final_s.append(final.at_s - span.end_s)
    return found


def _first_about(captions: Sequence[Message], span: Spoken) -> Message | None:
    for message in captions:
        if span.start_s - _NEAR_S <= message.content["start"] <= span.end_s + _NEAR_S:
            return message
    return None


def _final_of(finals: Sequence[Message], span: Spoken) -> Message | None:
    """Return the last final message whose words end in the span."""
    own = [m for m in finals if span.start_s < m.content["end"] <= span.end_s + _NEAR_S]
    return own[-1] if own else None


def text_of(run: LiveRun) -> str:
    """Return everything that was final in a session."""
    if run.last.get("final"):
        return str(run.last["text"])
    return " ".join(m.content["text"] for m in run.messages if m.content.get("speech_final"))


def retractions(run: LiveRun) -> int:
    """Count what was final and did not stay: pieces that are not the whole, and committed words that changed."""
    pieces = [m.content["text"] for m in run.messages if "partial" in m.content]
    if pieces or run.last.get("final"):
        whole = str(run.last["text"]) if run.last.get("final") else ""
        return int(_bare("".join(pieces)) != _bare(whole))
    n, sure = 0, ""
    for message in run.messages:
        content = message.content
        if content.get("type") != "transcription":
            continue
        text = _bare(content["text"])
        if content["is_final"] and sure.startswith(text):  # a long utterance, ended behind a part of its words
            sure = sure[len(text) :]
        elif content["is_final"]:
            n += not text.startswith(sure)
            sure = ""
        else:
            n += not text.startswith(sure)
            sure = _bare(content.get("committed", ""))
    return n


def _bare(text: str) -> str:
    return "".join(text.split())
