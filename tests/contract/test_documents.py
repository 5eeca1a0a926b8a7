"""Transcripts as Word documents and PDFs, read back with other eyes than those that wrote them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import docx
import pypdf
import pytest
from docx.oxml.ns import qn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve_app.adapters.documents import docx_bytes, pdf_bytes
from serve_app.transcript.model import Segment, Transcript, Word, join_words

CREATED_AT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)

# language, what is said, the font that must draw it
SAID = [
    ("en", "Good morning — shall we “begin”? ♪ 3 < 4 & #let x = 1; $a_b$ *star*", "NotoSans-Regular"),
    ("vi", "Xin chào, đây là một bài kiểm tra.", "NotoSans-Regular"),
    ("ru", "Доброе утро, начнём?", "NotoSans-Regular"),
    ("el", "Καλημέρα σας.", "NotoSans-Regular"),
    ("ar", "السلام عليكم، هذا اختبار iPhone 15 للنص (مرحبا).", "NotoSansArabic"),
    ("fa", "سلام، این یک آزمایش است؛ ببینیم.", "NotoSansArabic"),
    ("ur", "یہ اردو میں ایک آزمائش ہے۔", "NotoSansArabic"),
    ("he", "שלום לכולם, זה מבחן של iPhone 15 (כן).", "NotoSansHebrew"),
    ("zh", "大家好，“今天”我们来谈谈语音识别。", "NotoSansCJKsc"),
    ("ja", "こんにちは、音声認識のテストです。", "NotoSansCJKjp"),
    ("ko", "안녕하세요, 음성 인식 시험입니다.", "NotoSansCJKkr"),
    ("hi", "नमस्ते, यह एक परीक्षण है।", "NotoSansDevanagari"),
    ("bn", "নমস্কার, এটি একটি পরীক্ষা।", "NotoSansBengali"),
    ("pa", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ, ਇਹ ਇੱਕ ਟੈਸਟ ਹੈ।", "NotoSansGurmukhi"),
    ("gu", "નમસ્તે, આ એક પરીક્ષણ છે.", "NotoSansGujarati"),
    ("ta", "வணக்கம், இது ஒரு சோதனை.", "NotoSansTamil"),
    ("te", "నమస్కారం, ఇది ఒక పరీక్ష.", "NotoSansTelugu"),
    ("kn", "ನಮಸ್ಕಾರ, ಇದು ಒಂದು ಪರೀಕ್ಷೆ.", "NotoSansKannada"),
    ("ml", "നമസ്കാരം, ഇതൊരു പരീക്ഷണമാണ്.", "NotoSansMalayalam"),
    ("si", "ආයුබෝවන්, මෙය පරීක්ෂණයකි.", "NotoSansSinhala"),
    ("th", "สวัสดีครับ นี่คือการทดสอบ", "NotoSansThai"),
    ("lo", "ສະບາຍດີ ນີ້ແມ່ນການທົດສອບ", "NotoSansLao"),
    ("km", "សួស្តី នេះជាការសាកល្បង", "NotoSansKhmer"),
    ("my", "မင်္ဂလာပါ ဒါက စမ်းသပ်မှု ဖြစ်ပါတယ်။", "NotoSansMyanmar"),
    ("bo", "བཀྲ་ཤིས་བདེ་ལེགས།", "NotoSerifTibetan"),
    ("hy", "Բարև ձեզ, սա փորձարկում է։", "NotoSansArmenian"),
    ("ka", "გამარჯობა, ეს არის ტესტი.", "NotoSansGeorgian"),
    ("am", "ሰላም፣ ይህ ሙከራ ነው።", "NotoSansEthiopic"),
]
RIGHT_TO_LEFT = ("ar", "fa", "ur", "he")


def said(text: str, *, at_s: float = 0.0, speaker: int | None = None, language: str = "en") -> Segment:
    words = tuple(
        Word(text=part, start_s=at_s, end_s=at_s + 1, confidence=1.0, speaker=speaker) for part in text.split(" ")
    )
    return Segment(
        start_s=at_s, end_s=at_s + 1, text=join_words(words), words=words, language=language, speaker=speaker
    )


def transcript(*segments: Segment, language: str | None = "en") -> Transcript:
    return Transcript(segments=segments, duration_s=3725.0, language=language)


def word_document(of: Transcript, **options: Any) -> Any:
    return docx.Document(BytesIO(docx_bytes(of, **options)))


def pdf(of: Transcript, **options: Any) -> pypdf.PdfReader:
    return pypdf.PdfReader(BytesIO(pdf_bytes(of, **options)))


def pdf_text(of: Transcript, **options: Any) -> str:
    return "\n".join(page.extract_text() for page in pdf(of, **options).pages)


def fonts_of(reader: pypdf.PdfReader) -> set[str]:
    names = set()
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]
            names.add(str(font.get_object()["/BaseFont"]).partition("+")[2])
    return names


TURNS = transcript(
    said("Good morning.", speaker=0),
    said("Shall we?", at_s=5, speaker=0),
    said("Yes.", at_s=3661, speaker=1),
    said("Good.", at_s=3670, speaker=0),
)


def test_a_word_document_has_title_summary_and_a_paragraph_a_turn() -> None:
    document = word_document(TURNS, title="Weekly & co", created_at=CREATED_AT)
    assert [paragraph.text for paragraph in document.paragraphs] == [
        "Weekly & co",
        "2026-01-02 03:04 UTC · English · 1:02:05 · 2 speakers",
        "0:00:00  Speaker 1\nGood morning. Shall we?",
        "1:01:01  Speaker 2\nYes.",
        "1:01:10  Speaker 1\nGood.",
    ]


def test_a_word_document_says_what_it_is() -> None:
    properties = word_document(TURNS, title="Weekly", created_at=CREATED_AT.astimezone(timezone(timedelta(hours=5))))
    core = properties.core_properties
    assert (core.title, core.author, core.language, core.comments) == ("Weekly", "Hark", "en", "")
    assert core.created.replace(tzinfo=UTC) == CREATED_AT.replace(microsecond=0)


def test_a_pdf_has_title_summary_and_a_paragraph_a_turn() -> None:
    lines = pdf_text(TURNS, title="Weekly & co", created_at=CREATED_AT).splitlines()
    assert [line.strip() for line in lines] == [
        "Weekly & co",
        "2026-01-02 03:04 UTC · English · 1:02:05 · 2 speakers",
        "0:00:00  Speaker 1",
        "Good morning. Shall we?",
        "1:01:01  Speaker 2",
        "Yes.",
        "1:01:10  Speaker 1",
        "Good.",
        "1 / 1",
    ]


def test_a_pdf_says_what_it_is() -> None:
    metadata = pdf(TURNS, title="Weekly", created_at=CREATED_AT).metadata
    assert metadata is not None
    assert (metadata.title, metadata.author) == ("Weekly", "Hark")
    assert metadata.creation_date == CREATED_AT.replace(microsecond=0)


def test_the_same_transcript_is_the_same_pdf() -> None:
    assert pdf_bytes(TURNS, created_at=CREATED_AT) == pdf_bytes(TURNS, created_at=CREATED_AT)


@pytest.mark.parametrize(("language", "text", "font"), SAID, ids=[language for language, _, _ in SAID])
def test_a_pdf_draws_every_script(language: str, text: str, font: str) -> None:
    reader = pdf(transcript(said(text, language=language), language=language))
    drawn = set("".join(page.extract_text() for page in reader.pages))

    assert any(name.startswith(font) for name in fonts_of(reader))
    assert {c for c in text if unicodedata.category(c) == "Lo"} - drawn <= reordered(language, text)


def reordered(language: str, text: str) -> set[str]:
    """Return the letters that a PDF reader may not get back where glyphs stand for several of them, in other orders."""
    return set(text) if language in ("hi", "bn", "pa", "gu", "ta", "te", "kn", "ml", "si", "km", "my", "bo") else set()


@pytest.mark.parametrize("language", ["zh", "ja", "ko"])
def test_a_pdf_in_english_draws_east_asian_words_too(language: str) -> None:
    text = next(text for code, text, _ in SAID if code == language)
    reader = pdf(transcript(said(f"They say {text}", language="en")))
    assert set(text) <= set(reader.pages[0].extract_text())


def test_right_to_left_paragraphs_begin_at_the_right_margin() -> None:
    at: dict[str, float] = {}

    def note(text: str, page: Any, line: Any, _font: Any, _size: Any) -> None:
        if text.strip() in ("Short.", "שלום"):
            at[text.strip()] = page[4] + line[4]

    two = transcript(said("Short.", speaker=0), said("שלום", at_s=9, speaker=1, language="he"))
    pdf(two).pages[0].extract_text(visitor_text=note)

    assert at["Short."] < 100  # points from the left of a page that is 595 wide
    assert at["שלום"] > 480


@pytest.mark.parametrize(("language", "text", "_font"), SAID, ids=[language for language, _, _ in SAID])
def test_word_is_told_direction_and_language(language: str, text: str, _font: str) -> None:
    paragraph = word_document(transcript(said(text, language=language), language=language)).paragraphs[-1]
    heading, spoken = paragraph.runs
    right_to_left = language in RIGHT_TO_LEFT

    assert spoken.text == text
    assert (paragraph._p.pPr.find(qn("w:bidi")) is not None) == right_to_left
    assert (spoken.font.rtl or False) == (heading.font.rtl or False) == right_to_left
    tag = spoken._r.rPr.find(qn("w:lang"))
    assert tag is spoken._r.rPr[-1]
    name = "w:bidi" if right_to_left else "w:eastAsia" if language in ("zh", "ja", "ko") else "w:val"
    assert tag.get(qn(name)).startswith(language)


def test_a_right_to_left_title_is_marked_too() -> None:
    title = word_document(TURNS, title="פגישה שבועית").paragraphs[0]
    assert title._p.pPr.find(qn("w:bidi")) is not None
    assert set("פגישה") <= set(pdf_text(TURNS, title="פגישה שבועית").splitlines()[0])


def test_speech_of_nobody_known_breaks_after_a_minute() -> None:
    sentences = [said(f"Number {n}.", at_s=n * 10.0) for n in range(20)]
    texts = [paragraph.text for paragraph in word_document(transcript(*sentences)).paragraphs[2:]]

    assert [text.split("\n")[0] for text in texts] == ["0:00:00", "0:01:10", "0:02:20"]
    assert " ".join(text.split("\n")[1] for text in texts) == " ".join(f"Number {n}." for n in range(20))


def test_a_change_of_language_begins_a_paragraph() -> None:
    mixed = transcript(said("Hello.", speaker=0), said("שלום.", at_s=2, speaker=0, language="he"))
    assert len(word_document(mixed).paragraphs) == 4


def test_silence_is_explained() -> None:
    silence = transcript(language=None)
    assert word_document(silence).paragraphs[-1].text == "No speech was found in this recording."
    assert "No speech was found in this recording." in pdf_text(silence)


NASTY = 'a\0b\x0b\ud800\ufffe\U0001ffff\u202e]]> </w:t> \\u{41} #include "/etc/passwd" \u2028 \x85 e'


def test_text_that_formats_cannot_hold_is_left_out() -> None:
    document = word_document(transcript(said(NASTY)), title=NASTY)
    assert "]]> </w:t>" in document.paragraphs[-1].text
    assert "]]> </w:t>" in pdf_text(transcript(said(NASTY)), title=NASTY)


@pytest.mark.parametrize("title", ["", "  ", "\0"])
def test_without_a_title_there_is_one(title: str) -> None:
    assert word_document(TURNS, title=title).paragraphs[0].text == "Transcript"
    assert pdf_text(TURNS, title=title).startswith("Transcript")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.text(st.characters(), min_size=1, max_size=40), max_size=5),
    st.sampled_from([None, *(language for language, _, _ in SAID), "yue", "haw", "jw"]),
    st.text(st.characters(), max_size=300),
)
def test_any_text_makes_documents_that_can_be_read(texts: list[str], language: str | None, title: str) -> None:
    segments = (said(text, at_s=float(n), speaker=n % 3, language=language or "en") for n, text in enumerate(texts))
    spoken = transcript(*segments, language=language)

    assert len(word_document(spoken, title=title).paragraphs) >= 2
    assert len(pdf(spoken, title=title).pages) >= 1


def test_hours_of_speech_are_a_document() -> None:
    hours = [said("word " * 10 + "end.", at_s=n * 10.0, speaker=n % 4) for n in range(2_000)]
    reader = pdf(transcript(*hours))

    assert len(reader.pages) > 50
    assert f"{len(reader.pages)} / {len(reader.pages)}" in reader.pages[-1].extract_text()
    assert len(word_document(transcript(*hours)).paragraphs) == 2_002
