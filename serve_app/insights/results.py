"""What callers get, as typed values. `segments` are the numbers of the segments that say so; times are seconds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Style = Literal["brief", "detailed", "action_items", "bullet_points"]
AnalysisType = Literal["sentiment", "topics", "entities", "action_items", "questions", "pii_redact"]
GenerateType = Literal[
    "blog_post",
    "social_media",
    "newsletter",
    "key_quotes",
    "show_notes",
    "meeting_notes",
    "study_guide",
    "flashcards",
    "quiz",
    "chapter_markers",
]
Mood = Literal["positive", "neutral", "negative"]


class Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Point(Result):
    text: str
    segments: list[int]
    start_time: float | None = None


class ActionItem(Result):
    task: str
    owner: str | None = None  # as the text names them, or the speaker who takes it on
    due: str | None = None  # in the text's own words
    segments: list[int]
    start_time: float | None = None


class Summary(Result):
    """`summary` is the whole answer as text; lists are typed as well."""

    style: Style
    summary: str = ""
    points: list[Point] = Field(default_factory=list)
    action_items: list[ActionItem] = Field(default_factory=list)


class SegmentMood(Result):
    segment: int
    label: Mood
    score: float  # -1..1
    start_time: float | None = None
    speaker: str | None = None


class Sentiment(Result):
    type: Literal["sentiment"] = "sentiment"
    label: Mood = "neutral"
    score: float = 0.0  # -1..1
    segments: list[SegmentMood] = Field(default_factory=list)


class Topic(Result):
    name: str
    segments: list[int]


class Topics(Result):
    type: Literal["topics"] = "topics"
    topics: list[Topic] = Field(default_factory=list)


class Entity(Result):
    text: str
    type: str  # PERSON ORGANIZATION LOCATION DATE TIME MONEY …
    count: int
    segments: list[int]


class Entities(Result):
    type: Literal["entities"] = "entities"
    entities: list[Entity] = Field(default_factory=list)


class ActionItems(Result):
    type: Literal["action_items"] = "action_items"
    action_items: list[ActionItem] = Field(default_factory=list)


class Question(Result):
    question: str
    segment: int
    speaker: str | None = None
    start_time: float | None = None
    answer: str | None = None  # None: the text does not answer it
    answer_segments: list[int] = Field(default_factory=list)


class Questions(Result):
    type: Literal["questions"] = "questions"
    questions: list[Question] = Field(default_factory=list)


class Redacted(Result):
    """A kind of personal data that was replaced. The data itself is not repeated."""

    placeholder: str  # [EMAIL_1]: the same value has the same placeholder
    type: str
    count: int
    segments: list[int]


class RedactedSegment(Result):
    segment: int
    text: str


class Redaction(Result):
    type: Literal["pii_redact"] = "pii_redact"
    text: str = ""
    entities: list[Redacted] = Field(default_factory=list)
    segments: list[RedactedSegment] = Field(default_factory=list)


Analysis = Sentiment | Topics | Entities | ActionItems | Questions | Redaction


class Quote(Result):
    text: str  # verbatim
    segments: list[int]
    speaker: str | None = None
    start_time: float | None = None


class Flashcard(Result):
    question: str
    answer: str
    segments: list[int]


class QuizQuestion(Result):
    question: str
    options: list[str]
    answer_index: int
    segments: list[int]


class Chapter(Result):
    title: str
    segment: int  # the first of it
    start_time: float | None = None
    end_time: float | None = None


class Generated(Result):
    """`content` is Markdown; what has items has them typed as well."""

    type: GenerateType
    content: str = ""
    quotes: list[Quote] = Field(default_factory=list)
    flashcards: list[Flashcard] = Field(default_factory=list)
    quiz: list[QuizQuestion] = Field(default_factory=list)
    chapters: list[Chapter] = Field(default_factory=list)
    points: list[Point] = Field(default_factory=list)
    decisions: list[Point] = Field(default_factory=list)
    action_items: list[ActionItem] = Field(default_factory=list)


class AnswerSource(Result):
    """A passage that an answer rests on."""

    segment_order: int
    text: str
    score: float
    start_time: float | None = None


class Answer(Result):
    answer: str
    found: bool  # False: the transcript does not say
    sources: list[AnswerSource] = Field(default_factory=list)
