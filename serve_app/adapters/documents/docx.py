"""A transcript as a Word document."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from serve_app.adapters.documents.paragraphs import (
    DEFAULT_TITLE,
    Paragraph,
    is_right_to_left,
    paragraphs_of,
    printable,
    reasons_of_silence,
    summary_of,
)
from serve_app.transcript.model import Transcript

_GREY = "666666"
_EAST_ASIAN = {"zh": "zh-CN", "yue": "zh-HK", "ja": "ja-JP", "ko": "ko-KR"}
_LONGEST_PROPERTY = 255


def docx_bytes(transcript: Transcript, *, title: str = DEFAULT_TITLE, created_at: datetime | None = None) -> bytes:
    """Return a document with a title, a line about the recording, and one paragraph a speaker turn.

    Paragraphs in right-to-left scripts are marked so. `created_at` is when the transcript was made.
    """
    import docx
    from docx.shared import Cm, Pt

    document = docx.Document()
    title = printable(title) or DEFAULT_TITLE
    _describe(document, transcript, title, created_at)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    document.styles["Normal"].font.size = Pt(11)
    _directed(document.add_heading(title, level=0), right_to_left=is_right_to_left(title))
    _grey(document.add_paragraph().add_run(summary_of(transcript, created_at)))
    for reason in reasons_of_silence(transcript):
        document.add_paragraph(reason)
    style = document.styles["Normal"]  # looked up once: by name, for every paragraph, it takes most of the time
    for paragraph in paragraphs_of(transcript):
        _add(document.add_paragraph(style=style), paragraph)
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def _describe(document: Any, transcript: Transcript, title: str, created_at: datetime | None) -> None:
    made_at = (created_at or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    properties = document.core_properties
    properties.title = title[:_LONGEST_PROPERTY]
    properties.author = properties.last_modified_by = "Hark"
    properties.subject = "Transcript"
    properties.comments = ""  # the template's says who made the template
    properties.language = transcript.language or ""
    properties.created = properties.modified = made_at


def _add(element: Any, paragraph: Paragraph) -> None:
    heading = element.add_run(paragraph.heading)
    heading.bold = True
    _grey(heading)
    heading.add_break()
    text = element.add_run(paragraph.text)
    _directed(element, right_to_left=paragraph.right_to_left)
    _tagged(text, paragraph)


def _directed(element: Any, *, right_to_left: bool) -> None:
    """Mark a paragraph and its runs as right-to-left, which also puts it at the right margin."""
    if right_to_left:
        from docx.oxml import OxmlElement

        properties = element._p.get_or_add_pPr()
        properties.insert_element_before(
            OxmlElement("w:bidi"),
            *("w:adjustRightInd", "w:snapToGrid", "w:spacing", "w:ind", "w:contextualSpacing", "w:mirrorIndents"),
            *("w:suppressOverlap", "w:jc", "w:textDirection", "w:textAlignment", "w:outlineLvl", "w:rPr", "w:sectPr"),
        )
        for run in element.runs:
            run.font.rtl = True
            run.font.cs_bold = run.font.bold  # right-to-left runs heed only this one


def _tagged(run: Any, paragraph: Paragraph) -> None:
    """Say which language a run is in, so that Word picks its font and spelling; at the end, as the schema wants it."""
    if paragraph.language:
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn

        tag = OxmlElement("w:lang")
        if paragraph.right_to_left:
            tag.set(qn("w:bidi"), paragraph.language)
        elif paragraph.language in _EAST_ASIAN:
            tag.set(qn("w:eastAsia"), _EAST_ASIAN[paragraph.language])
        else:
            tag.set(qn("w:val"), paragraph.language)
        run._r.get_or_add_rPr().append(tag)


def _grey(run: Any) -> None:
    from docx.shared import RGBColor

    run.font.color.rgb = RGBColor.from_string(_GREY)
