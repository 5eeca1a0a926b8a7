"""A finished transcript as plain text or subtitles over HTTP."""

from __future__ import annotations

from starlette.responses import Response

from serve_app.transcript.json_view import all_warnings
from serve_app.transcript.model import Transcript, Warning
from serve_app.transcript.subtitles import render_srt, render_vtt
from serve_app.transcript.text import render_txt

_TEXT = "text/plain; charset=utf-8"
_MEDIA_TYPES = {"txt": _TEXT, "text": _TEXT, "srt": "application/x-subrip", "vtt": "text/vtt; charset=utf-8"}
_RENDERERS = {"txt": render_txt, "text": render_txt, "srt": render_srt, "vtt": render_vtt}
TEXT_FORMATS = frozenset(_RENDERERS)
RESPONSE_FORMATS = ("json", "verbose_json", *_RENDERERS)


def rendered(transcript: Transcript, text_format: str) -> str:
    """Return the transcript in one of the text formats."""
    return _RENDERERS[text_format](transcript)


def text_response(transcript: Transcript, text_format: str, warnings: tuple[Warning, ...]) -> Response:
    """Return a text format as a response; the model that answered and the warnings are in headers."""
    codes = dict.fromkeys(warning.code for warning in all_warnings(transcript, warnings))
    headers = {"X-Model": transcript.model, "X-Warning-Codes": ",".join(codes)}
    headers = {name: value for name, value in headers.items() if value}
    return Response(rendered(transcript, text_format), headers=headers, media_type=_MEDIA_TYPES[text_format])
