"""What the language model fills in. Numbers of segments come first: an item is written after its evidence is chosen."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pydantic import Field, create_model

from serve_app.insights.decoding import Shape

Orders = list[int]


class PointShape(Shape):
    segments: Orders = Field(default_factory=list, max_length=3)
    text: str = ""


class PointsShape(Shape):
    points: list[PointShape] = Field(default_factory=list, max_length=12)


@cache
def points_shape(most: int) -> type[PointsShape]:
    """Return the shape of at most so many points: asked for a few, a small model lists what the schema lets it."""
    points: tuple[Any, Any] = (list[PointShape], Field(default_factory=list, max_length=most))
    return create_model("PointsShape", __base__=PointsShape, points=points)


class ActionShape(Shape):
    segments: Orders = Field(default_factory=list, max_length=4)
    task: str = ""
    owner: str = ""
    due: str = ""


class ActionsShape(Shape):
    action_items: list[ActionShape] = Field(default_factory=list, max_length=12)


class TaskShape(Shape):
    verdict: Literal["agreed_task", "advice", "story", "question", "opinion", "other"] = "other"
    task: str = ""
    owner: str = ""
    due: str = ""


class DecisionShape(Shape):
    verdict: Literal["decided", "left_open", "plan", "story", "opinion", "other"] = "other"
    decision: str = ""


class RelevanceShape(Shape):
    answers: Literal["yes", "no"] = "no"


class TopicShape(Shape):
    name: str = ""
    segments: Orders = Field(default_factory=list, max_length=12)


class TopicsShape(Shape):
    topics: list[TopicShape] = Field(default_factory=list, max_length=8)


class EntityShape(Shape):
    text: str = ""
    type: Literal["PERSON", "ORGANIZATION", "LOCATION", "DATE", "TIME", "MONEY", "PRODUCT", "EVENT", "OTHER"] = "OTHER"


class EntitiesShape(Shape):
    entities: list[EntityShape] = Field(default_factory=list, max_length=30)


class MoodShape(Shape):
    segment: int = 0
    label: Literal["positive", "negative"] = "positive"


class MoodsShape(Shape):
    overall: Literal["positive", "neutral", "negative"] = "neutral"
    segments: list[MoodShape] = Field(default_factory=list, max_length=60)


class QuoteShape(Shape):
    segment: int = 0
    quote: str = ""


class QuotesShape(Shape):
    quotes: list[QuoteShape] = Field(default_factory=list, max_length=8)


class CardShape(Shape):
    segments: Orders = Field(default_factory=list, max_length=4)
    question: str = ""
    answer: str = ""


class CardsShape(Shape):
    cards: list[CardShape] = Field(default_factory=list, max_length=10)


class QuizShape(Shape):
    segments: Orders = Field(default_factory=list, max_length=4)
    question: str = ""
    right_answer: str = ""
    wrong_answers: list[str] = Field(default_factory=list, min_length=3, max_length=3)


class QuizzesShape(Shape):
    questions: list[QuizShape] = Field(default_factory=list, max_length=8)


class ChapterShape(Shape):
    segment: int = 0
    title: str = ""


class ChaptersShape(Shape):
    chapters: list[ChapterShape] = Field(default_factory=list, max_length=5)


@cache
def chapters_shape(most: int) -> type[ChaptersShape]:
    """Return the shape of at most so many chapters."""
    chapters: tuple[Any, Any] = (list[ChapterShape], Field(default_factory=list, max_length=most))
    return create_model("ChaptersShape", __base__=ChaptersShape, chapters=chapters)


class AnswerShape(Shape):
    found: bool = False
    segments: Orders = Field(default_factory=list, max_length=6)
    answer: str = ""


class VersionShape(Shape):
    version: Literal["A", "B"] = "A"


class EditShape(Shape):
    from_word: str = ""
    to_word: str = ""
    kind: Literal["name", "filler", "punctuation", "case"] = "punctuation"


class EditsShape(Shape):
    edits: list[EditShape] = Field(default_factory=list, max_length=40)
