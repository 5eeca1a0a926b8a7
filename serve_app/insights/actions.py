"""What somebody is to do, and what was decided. A text without either gives an empty list.

A small model that is asked for tasks finds some where there are none and misses others. In English the words that
promise, ask, assign or decide tell where to look, and the model only judges those segments, one at a time. In other
languages it looks for them itself, and is asked again about each that it found.
"""

from __future__ import annotations

import re
from dataclasses import replace

from serve_app.insights.points import distinct
from serve_app.insights.results import ActionItem, Point
from serve_app.insights.shapes import ActionsShape, DecisionShape, PointsShape, TaskShape
from serve_app.insights.source import SourceSegment, sentences_of
from serve_app.insights.vocabulary import Vocabulary, content_words, tokens
from serve_app.insights.windows import heard, rendered, speaks_to_a_machine
from serve_app.insights.work import Work

_NO_NAMES = "He She It They One This That These There What Who Which How Why When Where Some Any All Nobody Everybody"
_NAME = rf"(?<!\bthe )(?<!\ba )(?<!\ban )\b(?-i:(?!(?:{_NO_NAMES.replace(' ', '|')})\b)[A-Z][a-z]+)"
_SOMEBODY = rf"(?:\bi|\bwe|\byou|{_NAME})(?:\s+(?:also|then|just|still|really))?"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|tonight|next|the end of"
# What a conversation does next is no task for after it.
_LET_US = r"let(?: us|['’]s)(?! (?:begin|start|talk|see|say|look|hear|go on|move on|continue|not|face)\b)"
_UNDERTAKING = (
    rf"{_SOMEBODY}(?:['’]ll|\s+(?:will|shall|should|must|needs? to|ha(?:ve|s) to|can|could)|"
    rf"(?:\s+(?:am|are|is)|['’](?:m|re|s))\s+going to)\b(?! (?:not|never)\b)"
)
# What somebody who is not there should do is advice or a story; what he will do may be promised for him.
_PROMISE_FOR = r"\b(?:he|she|they)(?:['’]ll|\s+will|\s+(?:is|are)\s+going to)\b(?! (?:not|never)\b)"
_REQUEST = r"\b(?:can|could|will|would) you\b"
# Of these the task's verb comes next; the others tell of a task in any words.
_BEFORE_ITS_VERB = (
    rf"{_UNDERTAKING}|{_PROMISE_FOR}|{_REQUEST}|\b(?:please|{_LET_US}|make sure|remember to|don['’]t forget)\b"
)
_OF_A_TASK = (
    rf"\b(?:follow up|action items?|to-?do|assigned|responsible for|takes? care of|deadline|due|by (?:{_DAY}))\b"
)
_COMMITMENT = re.compile(rf"{_BEFORE_ITS_VERB}|{_OF_A_TASK}", re.IGNORECASE)
_VERB_NEXT, _ANY_WORDS = re.compile(_BEFORE_ITS_VERB, re.IGNORECASE), re.compile(_OF_A_TASK, re.IGNORECASE)
_VERB_WITHIN = 5  # words behind the cue: `I will, as soon as I can, move it`
_DECISION = re.compile(
    r"\b(?:decid(?:ed?|ing)|decisions?|agreed?|agreement|settled|approved?|"
    r"we (?:take|move|buy|choose|keep|cancel|will)|we['’]ll|go(?:ing)? with|chosen?|resolved|"
    r"signed off|voted|final(?:ised|ized)?)\b",
    re.IGNORECASE,
)
_ACCEPTANCE = re.compile(r"^(?:sure|yes|yeah|okay|ok|fine|will do|of course|all right|alright)\b", re.IGNORECASE)
_OWN_REQUEST = re.compile(_REQUEST, re.IGNORECASE)
_OWN_TASK = re.compile(_UNDERTAKING, re.IGNORECASE)
_CALL = re.compile(r"^\w+[,!]")  # `Dispose, young man` is said to somebody, and leaves open what to do
_FIELDS = re.compile(r",? (?:owner|due): .*$")  # a small model writes on into the next field at times
_SAID_BY_THEN = 0.6  # of the content words of a task or decision
_FEW_WORDS = 8  # of an answer that takes on what was just asked, and adds no task of its own
_FIRST_PERSON = frozenset({"i", "me", "myself", "i'll", "speaker"})
_NOBODY = frozenset({"we", "us", "you", "they", "somebody", "someone", "everybody", "everyone"})
_I_WILL = re.compile(
    r"\bI(?:['’]ll|['’]m going to|\s+(?:will|shall|can|must|have to|need to|am going to))\b", re.IGNORECASE
)
_ADDRESSED = re.compile(r"\b([A-Z][a-z]+), (?:please|can you|could you|will you|would you)\b")


async def action_items_of(work: Work) -> list[ActionItem]:
    """Return the tasks that somebody takes on or is given, in the text's order."""
    if work.source.language == "en":
        places = _without_acceptances(work, _cued(work, _COMMITMENT))
    else:
        answers = await work.over_windows("actions", ActionsShape)
        named = (order for answer in answers for shape in answer.action_items for order in shape.segments[:1])
        places = work.source.known(list(named))
    shapes = await work.all_of(_judged_task(work, order) for order in places)
    found = [item for order, shape in zip(places, shapes, strict=True) if (item := _item(work, order, shape))]
    return distinct(found, text=lambda item: item.task)


async def decisions_of(work: Work) -> list[Point]:
    """Return what was decided, in the text's order."""
    if work.source.language == "en":
        places = _cued(work, _DECISION)
    else:
        answers = await work.over_windows("decisions", PointsShape)
        named = (order for answer in answers for point in answer.points for order in point.segments[:1])
        places = work.source.known(list(named))
    shapes = await work.all_of(_judged_decision(work, order) for order in places)
    found = []
    for order, shape in zip(places, shapes, strict=True):
        decision = _no_request(shape.decision.strip(), work.source.part([order]))
        orders = work.cited(decision, [order]) if shape.verdict == "decided" else []
        if orders and _said_by_then(work, order, decision):
            found.append(Point(text=decision, segments=orders, start_time=work.start_of(orders)))
    return distinct(found, text=lambda point: point.text)


def _cued(work: Work, cues: re.Pattern[str]) -> list[int]:
    return [segment.order for segment in heard(work.source.segments) if cues.search(segment.text)]


def _without_acceptances(work: Work, orders: list[int]) -> list[int]:
    """Leave out `Sure, I'll send it.` behind the request that it answers."""
    kept: list[int] = []
    for order in orders:
        segment, *_ = work.source.around(order, before=0, after=0)
        short = len(segment.text.split()) <= _FEW_WORDS and _ACCEPTANCE.match(segment.text)
        if not (short and kept and order - kept[-1] == 1):
            kept.append(order)
    return kept


async def _judged_task(work: Work, order: int) -> TaskShape:
    text, number = _view(work, order)
    return await work.asker.fill(TaskShape, text, work.task("action", segment=str(number)), max_tokens=120)


async def _judged_decision(work: Work, order: int) -> DecisionShape:
    text, number = _view(work, order)
    return await work.asker.fill(DecisionShape, text, work.task("decision", segment=str(number)), max_tokens=100)


def _view(work: Work, order: int) -> tuple[str, int]:
    """Return a segment between its neighbours as the model is to judge it, and the number that it has there.

    It looks the same wherever in a text it stands and whoever speaks to a machine nearby, and so is judged the same.
    """
    near = work.source.around(order, before=4, after=3)
    near = tuple(each for each in near if each.order == order or not speaks_to_a_machine(each))
    at = next(index for index, each in enumerate(near) if each.order == order)
    first = max(at - 2, 0)
    shown = near[first : at + 2]
    return rendered([replace(each, order=n, start_s=None) for n, each in enumerate(shown, start=1)]), at - first + 1


def _no_request(decision: str, segment: str) -> str:
    """Return what was settled: of a segment that also asks somebody for something, not the request."""
    if not _ADDRESSED.search(decision):
        return decision
    return next((each for each in sentences_of(segment) if _DECISION.search(each) and not _ADDRESSED.search(each)), "")


def _item(work: Work, order: int, shape: TaskShape) -> ActionItem | None:
    task = _FIELDS.sub("", next(iter(sentences_of(shape.task)), "")).strip().rstrip(".")
    orders = work.cited(task, [order]) if shape.verdict == "agreed_task" else []
    segment = work.source.get(order)
    if segment is None or orders != [order]:  # what another segment says is not what was judged
        return None
    if task.endswith("?") or _CALL.match(task):
        return None
    if not _said_by_then(work, order, task):
        return None
    if work.source.language == "en" and work.same_language and not _verb_is_said(task, segment.text):
        return None
    return ActionItem(
        task=task,
        owner=_owner(work, shape.owner.strip(), segment),
        due=_due(work, shape.due.strip(), orders),
        segments=orders,
        start_time=segment.start_s,
    )


def _said_by_then(work: Work, order: int, statement: str) -> bool:
    """Tell whether a task or a decision has the words of its segment and those before it, not of what comes after."""
    said = Vocabulary(each.text for each in work.source.around(order, before=2, after=0))
    return not work.same_language or said.support(statement) >= _SAID_BY_THEN


def _verb_is_said(task: str, segment: str) -> bool:
    """Tell whether what is to be done is what somebody will, should or is asked to do in the segment."""
    if _ANY_WORDS.search(segment):
        return True
    behind = (segment[cue.end() :].split()[:_VERB_WITHIN] for cue in _VERB_NEXT.finditer(segment))
    undertaken = Vocabulary([" ".join(words) for words in behind])
    return any(undertaken.has(token.key) for token in tokens(task)[:2])


def _owner(work: Work, named: str, segment: SourceSegment) -> str | None:
    """Return whoever says `I will`, or is spoken to by name, or whom the text around the task names."""
    addressed = _ADDRESSED.search(segment.text)
    if addressed:
        return addressed[1]
    if _I_WILL.search(segment.text) or named.casefold() in _FIRST_PERSON:
        return segment.speaker
    if named.casefold() in _NOBODY:
        return None
    if named in {each.speaker for each in work.source.segments}:
        return named
    nearby = work.source.around(segment.order, before=2, after=2)
    words = Vocabulary(each.text for each in nearby)
    meant = content_words(named) or named.casefold().split()
    return named if meant and all(map(words.has, meant)) else None


def _due(work: Work, named: str, orders: list[int]) -> str | None:
    """Return a date that stands in the task's segments, or in an answer that brings no task of its own."""
    near = [each for order in orders for each in work.source.around(order, before=0, after=1)]
    said = " ".join(each.text for each in near if each.order in orders or not _brings_a_task(each.text))
    return named if named and _plain(named) in _plain(said) else None


def _brings_a_task(answer: str) -> bool:
    """Tell whether an answer asks for more, or promises something else: `Sure, I'll send it after lunch` does not."""
    if _OWN_REQUEST.search(answer):
        return True
    return _OWN_TASK.search(answer) is not None and _ACCEPTANCE.match(answer) is None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
