"""A transcript as SubRip and WebVTT subtitles."""

from __future__ import annotations

from serve_app.transcript.cues import Cue, plan_cues, speaker_prefix
from serve_app.transcript.json_view import speaker_name
from serve_app.transcript.model import Transcript


def render_srt(transcript: Transcript) -> str:
    """Return SubRip. With several speakers every cue names its own, with one the first cue does."""
    return "\n".join(_srt_cue(number, cue) for number, cue in enumerate(plan_cues(transcript), 1))


def render_vtt(transcript: Transcript) -> str:
    """Return WebVTT, with a voice tag in every cue whose speaker is known."""
    return "\n".join(["WEBVTT\n", *map(_vtt_cue, plan_cues(transcript))])


def _srt_cue(number: int, cue: Cue) -> str:
    prefix = speaker_prefix(cue.speaker) if cue.names_speaker and cue.speaker is not None else ""
    text = "\n".join(cue.lines)
    return f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{prefix}{text}\n"


def _vtt_cue(cue: Cue) -> str:
    voice = f"<v {speaker_name(cue.speaker)}>" if cue.speaker is not None else ""
    text = "\n".join(map(_escaped, cue.lines))
    return f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{voice}{text}\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # `-->` cannot stand in it then


def _clock(ms: int, decimal_mark: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{decimal_mark}{ms:03}"
