"""Meetings of which every word is known, and what to ask of their transcripts."""

from dataclasses import replace

from hearing import Said, recognition
from scripted import OPTIONS, meeting

from serve_app.audio.plan import Chunk
from serve_app.ports.speech import Recognition, RecognizeOptions
from serve_app.transcript.model import Transcript

DIARIZED = replace(OPTIONS, diarize=True)
LONG = meeting(40)  # 400 s, 320 s of it speech: three lanes
SHORT = meeting(2)
NOBODY = Said(words=(), speech=())


def texts_of(transcript: Transcript) -> list[str]:
    return [word.text for segment in transcript.segments for word in segment.words]


def said_in(said: Said) -> list[str]:
    return [word.text for word in said.words]


def imperfect(said: Said) -> object:
    """Hears like Whisper: stops short or jumps over speech now and then, always the same for the same chunk."""

    def hear(chunk: Chunk, options: RecognizeOptions) -> Recognition:
        words = said.heard_in(chunk)
        kind = round(chunk.spans[0].start_s * 1000) % 3
        if len(words) > 30 and kind == 0:
            words = words[:20]
        elif len(words) > 30 and kind == 1:
            del words[10:20]
        return recognition(words)

    return hear
