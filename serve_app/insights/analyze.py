"""What is in a text. Classic tools answer where they beat a small language model; it answers the rest."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

from serve_app.insights.actions import action_items_of
from serve_app.insights.excerpt import excerpt_of
from serve_app.insights.naming import named_by_model
from serve_app.insights.questions import questions_of
from serve_app.insights.redact import redaction_of
from serve_app.insights.results import (
    ActionItems,
    Analysis,
    AnalysisType,
    Entities,
    Entity,
    Mood,
    Questions,
    SegmentMood,
    Sentiment,
    Topic,
    Topics,
)
from serve_app.insights.shapes import MoodsShape, TopicsShape
from serve_app.insights.vocabulary import content_words, tokens
from serve_app.insights.work import Work
from serve_app.ports.text_tools import EntityFinder, SentimentScorer, TextTools

_MOST_TOPICS = 10
_LEANING = 0.05  # scores nearer to 0 are neutral, as VADER's authors draw the line
_OF_LABEL = {"positive": 0.6, "neutral": 0.0, "negative": -0.6}


async def analysis_of(work: Work, kind: AnalysisType, tools: TextTools) -> Analysis:
    """Return one kind of analysis; of a text without words, an empty one."""
    if kind == "sentiment":
        return await _sentiment(work, tools.sentiment)
    if kind == "topics":
        return Topics(topics=await topics_of(work))
    if kind == "entities":
        return Entities(entities=await _entities(work, tools.entities))
    if kind == "action_items":
        return ActionItems(action_items=await action_items_of(work))
    if kind == "questions":
        return Questions(questions=await questions_of(work))
    return await redaction_of(work, tools)


async def _sentiment(work: Work, tool: SentimentScorer | None) -> Sentiment:
    segments = work.source.segments
    if not segments:
        return Sentiment()
    if tool is not None and work.source.language in tool.languages:
        scores = await asyncio.to_thread(tool.score, [segment.text for segment in segments])
    else:
        scores = await _asked_moods(work)
    words = [len(tokens(segment.text)) or 1 for segment in segments]
    overall = sum(score * count for score, count in zip(scores, words, strict=True)) / sum(words)
    return Sentiment(
        label=_mood(overall),
        score=round(overall, 3),
        segments=[
            SegmentMood(
                segment=segment.order,
                label=_mood(score),
                score=round(score, 3),
                start_time=segment.start_s,
                speaker=segment.speaker,
            )
            for segment, score in zip(segments, scores, strict=True)
        ],
    )


async def _asked_moods(work: Work) -> list[float]:
    """Ask the model which segments are not neutral: naming every one would cost a call's time many times over."""
    answers = await work.over_windows("sentiment", MoodsShape)
    moods = {shape.segment: _OF_LABEL[shape.label] for answer in answers for shape in answer.segments}
    if len(work.source.segments) == 1 and answers:
        return [_OF_LABEL[answers[0].overall]]
    return [moods.get(segment.order, 0.0) for segment in work.source.segments]


def _mood(score: float) -> Mood:
    return "positive" if score >= _LEANING else "negative" if score <= -_LEANING else "neutral"


async def topics_of(work: Work) -> list[Topic]:
    """Return what a text is about, most spoken of first. A topic's segments are those with its words."""
    excerpt = await excerpt_of(work)
    answers = await excerpt.over_windows("topics", TopicsShape)
    found: dict[str, Topic] = {}
    for shape in (topic for answer in answers for topic in answer.topics):
        name = shape.name.strip().rstrip(".")
        orders = work.cited(name, shape.segments)
        key = " ".join(sorted({word[:5] for word in content_words(name)})) or name.casefold()
        if not orders:
            continue
        before = found[key] if key in found else Topic(name=name, segments=[])
        found[key] = Topic(name=before.name, segments=sorted({*before.segments, *orders}))
    return sorted(found.values(), key=lambda topic: -len(topic.segments))[:_MOST_TOPICS]


async def _entities(work: Work, tool: EntityFinder | None) -> list[Entity]:
    """Return named things by how often they are named; each stands in the text as it is written here."""
    if tool is not None and work.source.language in tool.languages:
        spans = await asyncio.to_thread(tool.find_entities, [segment.text for segment in work.source.segments])
        named = [
            (segment.order, segment.text[span.start : span.end], span.kind)
            for segment, found in zip(work.source.segments, spans, strict=True)
            for span in found
        ]
    else:
        named = [(each.order, each.text, each.kind) for each in await named_by_model(work)]
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    orders: dict[str, list[int]] = defaultdict(list)
    spelling: dict[str, str] = {}
    for order, text, kind in named:
        key = text.casefold()
        spelling.setdefault(key, text)
        kinds[key][kind] += 1
        orders[key].append(order)
    entities = [
        Entity(
            text=spelling[key],
            type=kinds[key].most_common(1)[0][0],
            count=len(orders[key]),
            segments=sorted(set(orders[key])),
        )
        for key in spelling
    ]
    return sorted(entities, key=lambda entity: (-entity.count, entity.segments[0]))
