"""What the product needs from models and machinery, as Protocols. Engines, remote handles and fakes implement them.

Every method may raise a SpeechError; nothing else crosses a port.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from serve_app.audio.plan import WINDOW_S, Chunk
from serve_app.audio.recording import Recording, Span, Waveform
from serve_app.transcript.model import Segment, SpeakerTurns, Transcript

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A file on the disk of the node that received it."""

    path: str
    name: str = ""  # what the client called it; for messages only
    node_id: str = ""  # where `path` is; empty: this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerBounds:
    """How many speakers to expect; None is unbounded, equal bounds fix the number."""

    at_least: int | None = None
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscribeOptions:
    """One transcription request, whichever dialect it came in."""

    model: str
    language: str | None = None  # None: detect
    language_candidates: tuple[str, ...] = ()  # empty: all
    task: Task = "transcribe"
    diarize: bool = False
    speakers: SpeakerBounds = field(default_factory=SpeakerBounds)
    prompt: str | None = None  # names and style, as Whisper's initial prompt
    temperature: float = 0.0
    request_id: str = ""
    account: str = ""  # whose turn the work takes
    deadline_s: float = 3600.0  # the whole request fails after this


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownText:
    """A stretch of a chunk whose text is settled. Times are chunk times, never before those of the stretch before."""

    text: str
    start_s: float
    end_s: float | None  # None: it goes on, and what is heard next belongs to it


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognizeOptions:
    """How to decode one chunk."""

    language: str | None = None  # None: detect from this chunk
    language_hint: str | None = None  # detection leaves it only on strong evidence
    language_candidates: tuple[str, ...] = ()
    task: Task = "transcribe"
    prompt: str | None = None
    temperature: float = 0.0  # 0: beam search; above: sampling
    retry: int = 0  # 1, 2: decode again after a repetition loop, forbidding repeated n-grams
    account: str = ""  # batches are shared fairly between accounts,
    request_id: str = ""  # and within one between requests
    priority: int = 2  # one of pipeline.load's; lower goes first, and this is who waits for a short recording
    prefix: tuple[KnownText, ...] = ()  # the chunk's beginning; only what follows is returned, the last one is open
    beam_size: int | None = None  # None: the recognizer's own
    window_s: float = WINDOW_S  # the encoder is given at least this, silence included; less is cheaper and less exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What was heard in one chunk. Times are chunk times: seconds from the chunk's first sample."""

    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    reached_s: float  # decoding stopped here; speech after it has not been written down
    no_speech_prob: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 1.0
    temperature: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedBlock:
    """The next samples of a file being decoded."""

    samples: Waveform
    warning: str | None = None  # e.g. the rest of the file is damaged; set on the last block


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerWindows:
    """Local speaker activity and voices in overlapping windows that start inside one span.

    Windows lie on one grid over the whole file, so results of neighbouring spans can be concatenated.
    """

    first_window: int  # index on the file's grid
    activity: npt.NDArray[np.uint8]  # (n_windows, n_frames, n_local_speakers), 0 or 1
    embeddings: npt.NDArray[np.float32]  # (n_windows, n_local_speakers, n_dims); NaN rows where nobody speaks


class MediaDecoder(Protocol):
    def decode(self, source: MediaFile) -> AsyncGenerator[DecodedBlock]:
        """Decode to mono 16 kHz in order, a block at a time.

        Raises UnsupportedFormat or CorruptMedia before the first block when nothing can be decoded.
        """


class VoiceDetector(Protocol):
    async def speech_probabilities(self, recording: Recording, span: Span) -> npt.NDArray[np.float32]:
        """Return (n_frames,) speech probabilities, one per 512 samples (32 ms) from the span's start.

        The recording holds at least `audio.speech.with_context(span)`.
        """


class Recognizer(Protocol):
    async def recognize(self, recording: Recording, chunk: Chunk, options: RecognizeOptions) -> Recognition:
        """Write down a chunk of at most 30 s."""


class LanguageIdentifier(Protocol):
    async def identify(self, recording: Recording, chunk: Chunk, candidates: Sequence[str]) -> dict[str, float]:
        """Return language code -> probability for a chunk, restricted to the candidates if there are any."""


class Diarizer(Protocol):
    async def speaker_windows(self, recording: Recording, span: Span, *, duration_s: float) -> SpeakerWindows:
        """Find local speakers and their voices in the windows of a file of `duration_s` that start inside the span.

        The recording holds at least `audio.windows.samples_needed(span, duration_s)`.
        """

    async def link_speakers(
        self, windows: Sequence[SpeakerWindows], *, duration_s: float, bounds: SpeakerBounds
    ) -> SpeakerTurns:
        """Cluster the voices of the whole file once; return turns in time order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a transcription has come."""

    stage: Literal["decoding", "recognizing", "diarizing", "merging"]
    done: float  # 0..1 of the whole request
    audio_s: float = 0.0  # seconds of the recording known so far


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReady:
    """A segment whose words are final, in time order; its speaker is not known yet."""

    segment: Segment


TranscribeEvent = Progress | SegmentReady | Transcript


class Transcriber(Protocol):
    def transcribe(self, source: MediaFile, options: TranscribeOptions) -> AsyncIterator[TranscribeEvent]:
        """Run the whole pipeline; the last event is the Transcript. Closing the iterator stops the work."""


class SampleStore(Protocol):
    def put(self, samples: Waveform) -> object:
        """Keep samples where every replica can read them; return what `Block.samples` is to hold."""


class Fetcher(Protocol):
    async def fetch(self, url: str, *, to_path: str, max_bytes: int) -> str:
        """Download a public http(s) URL to a file and return its name; private addresses are refused."""


class Clock(Protocol):
    def __call__(self) -> float:
        """Return monotonic seconds."""
