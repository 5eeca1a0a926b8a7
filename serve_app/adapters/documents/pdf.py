"""A transcript as PDF, set by Typst with fonts that are installed with this package.

Noto Sans for what Whisper writes, beside this file; Noto Sans CJK from the package noto-cjk-sans-otc. System fonts are
not used, so that a document looks the same wherever it was made.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from serve_app.adapters.documents.paragraphs import (
    DEFAULT_TITLE,
    is_right_to_left,
    paragraphs_of,
    printable,
    reasons_of_silence,
    summary_of,
)
from serve_app.transcript.model import Transcript

_HERE = Path(__file__).parent
# Chinese, Japanese and Korean draw the same characters differently; the transcript's language decides.
_CJK_FONTS = {
    "zh": "Noto Sans CJK SC",
    "yue": "Noto Sans CJK HK",
    "ja": "Noto Sans CJK JP",
    "ko": "Noto Sans CJK KR",
}
_COMPILATIONS_REMEMBERED = 11  # Typst keeps what it worked out for this many, 150 MB for ten hours of speech
_SCRIPTS = (
    *("Arabic", "Hebrew", "Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Tamil", "Telugu", "Kannada", "Malayalam"),
    *("Sinhala", "Thai", "Lao", "Khmer", "Myanmar", "Armenian", "Georgian", "Ethiopic"),
)


def pdf_bytes(transcript: Transcript, *, title: str = DEFAULT_TITLE, created_at: datetime | None = None) -> bytes:
    """Return a PDF with a title, a line about the recording, and one paragraph a speaker turn.

    Text can be selected and searched, and every script of Whisper's languages is drawn. `created_at` is when the
    transcript was made. The same arguments give the same bytes if `created_at` is one of them.
    """
    import typst

    title = printable(title) or DEFAULT_TITLE
    data = {
        "title": {"text": title, **_look(title, transcript.language)},
        "summary": summary_of(transcript, created_at),
        "reasons": reasons_of_silence(transcript),
        "turns": [
            {"heading": each.heading, "text": each.text, **_look(each.text, each.language)}
            for each in paragraphs_of(transcript)
        ],
        "fonts": _fonts(transcript.language),
    }
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(_HERE / "fonts"), str(files("noto_cjk_sans_otc"))],
    )
    document: bytes = typst.compile(
        (_HERE / "transcript.typ").read_bytes(),
        font_paths=fonts,
        sys_inputs={"data": json.dumps(data)},
        timestamp=int((created_at or datetime.now(UTC)).timestamp()),
    )
    for _ in range(_COMPILATIONS_REMEMBERED):  # empty ones, so that it does not keep the last ten transcripts
        typst.compile(b"", font_paths=fonts)
    return document


def _look(text: str, language: str | None) -> dict[str, Any]:
    return {"rtl": is_right_to_left(text), "lang": language, "cjk": _CJK_FONTS.get(language or "")}


def _fonts(language: str | None) -> list[str]:
    """Return the fonts to look for a character in, first come first served."""
    scripts = [f"Noto Sans {script}" for script in _SCRIPTS]
    return ["Noto Sans", *scripts, "Noto Serif Tibetan", _CJK_FONTS.get(language or "", _CJK_FONTS["zh"])]
