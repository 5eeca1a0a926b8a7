"""Service times of the real engines, and how the real recognizer departs from the ideal, kept as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.common.report import RESULTS

CALIBRATION = RESULTS / "calibration.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTime:
    """What work on windows takes: so many seconds, and more by the seconds of speech in the longest of them."""

    base_s: float
    per_audio_s: float

    def of(self, longest_s: float) -> float:
        return self.base_s + self.per_audio_s * longest_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """All times are CPU seconds of one thread, taken while no other engine worked."""

    recording: str
    audio_s: float
    encode_s: float  # a whole window, whatever is in it
    short_encode: AudioTime  # one of less, or with its silence pooled, by the speech in it
    identify_s: float  # the language of a window
    decode: dict[int, AudioTime]  # by windows in the batch
    residuals: tuple[float, ...]  # of decoding: measured / fitted, one a batch
    reached: tuple[float, ...]  # share of its chunk that each first attempt wrote down
    holes_per_chunk: float  # stretches inside it that were skipped
    words_per_s: float  # of speech
    media_s: float  # of decoding, for a second of audio
    detect_s: float  # of voice detection, for a second of audio
    diarize_s: float  # of finding local speakers, for a second of audio
    link_s: float  # of linking them, for a second of audio
    speech_s: tuple[float, ...]  # lengths of speech, in the order of the recording,
    pause_s: tuple[float, ...]  # and of the pauses after them
    windows: int  # that the recording took, retries and repairs included
    hop_s: float  # a call from one replica to another; of ray.md, not measured here

    @property
    def speech_share(self) -> float:
        return sum(self.speech_s) / (sum(self.speech_s) + sum(self.pause_s))

    @property
    def windows_per_hour(self) -> float:
        return self.windows / self.audio_s * 3600

    def encode_time(self, audio_s: float) -> float:
        return min(self.short_encode.of(audio_s), self.encode_s)

    def decode_time(self, n_windows: int, longest_s: float) -> float:
        """Return a batch's time; sizes that were not measured are in proportion to the largest that was."""
        if n_windows in self.decode:
            return self.decode[n_windows].of(longest_s)
        largest = max(self.decode)
        return self.decode[largest].of(longest_s) * n_windows / largest

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        value = json.loads(text)
        value["short_encode"] = AudioTime(**value["short_encode"])
        value["decode"] = {int(n): AudioTime(**fit) for n, fit in value["decode"].items()}
        for name in ("residuals", "reached", "speech_s", "pause_s"):
            value[name] = tuple(value[name])
        return cls(**value)


def load_calibration(path: Path = CALIBRATION) -> Calibration:
    """Return the kept calibration. Raises FileNotFoundError before the first measurement."""
    return Calibration.from_json(path.read_text(encoding="utf-8"))
