"""A transcript as a table: CSV (RFC 4180) with a row for every segment."""

from __future__ import annotations

import csv
from io import StringIO

from serve_app.transcript.json_view import rounded, speaker_name
from serve_app.transcript.model import Transcript

COLUMNS = ("start", "end", "speaker", "text", "confidence")
# What makes a spreadsheet take a cell for a formula, in ASCII and in full width (OWASP, "CSV Injection").
_FORMULA_STARTS = tuple("=+-@＝＋－＠")


def render_csv(transcript: Transcript) -> str:
    """Return a header and one row a segment, times in seconds; `speaker` is empty where nobody is known.

    No cell is a formula to a spreadsheet: a text that could be one has an apostrophe before it.
    """
    table = StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    for segment in transcript.segments:
        speaker = "" if segment.speaker is None else speaker_name(segment.speaker)
        confidence = f"{rounded(segment.confidence):.3f}"
        writer.writerow([_seconds(segment.start_s), _seconds(segment.end_s), speaker, _plain(segment.text), confidence])
    return table.getvalue()


def _seconds(time_s: float) -> str:
    whole, ms = divmod(round(time_s * 1000), 1000)
    return f"{whole}.{ms:03}"


def _plain(text: str) -> str:
    line = " ".join(text.replace("\0", " ").split())
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line
