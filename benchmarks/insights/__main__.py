"""Run the cases on a real model and report the facts present and the wrong statements.

python -m benchmarks.insights --weights <folder with a GGUF file> [--only chat] [--show] [--out report.json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common.dataset import dataset_folder
from benchmarks.insights.counting import Cost, CountingModel
from benchmarks.insights.texts import source_of
from configs.language import LanguageModelOptions
from deployments.local_language import open_engine
from serve_app.adapters.text_language import FastTextGuesser
from serve_app.adapters.text_tools import load_text_tools
from serve_app.insights.insights import Insights
from serve_app.insights.source import SourceText
from serve_app.insights.templates import prompt, prompt_names
from serve_app.insights.vocabulary import content_words
from serve_app.ports.language import LanguageModel
from serve_app.ports.passages import Line

_CASES = Path(__file__).parent / "cases.yaml"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one case."""

    id: str
    facts: int
    missing: list[str]
    wrong: list[str]
    statements: int
    seconds: float
    cost: dict[str, int]
    answer: str


async def outcome_of(
    case: dict[str, Any], insights: Callable[[LanguageModel], Insights], model: CountingModel
) -> Outcome:
    """Run one case; patterns are looked for in the text a user gets."""
    source = source_of(case, data_dir=dataset_folder())
    model.cost = Cost()
    began = time.monotonic()
    result = await _result(case["do"], source, insights(model))
    seconds = time.monotonic() - began
    text, items = _text_of(result)
    facts = case.get("facts", [])
    wrong = [each for each in case.get("wrong", []) if re.search(each, text, re.IGNORECASE)]
    if "none" in case and result[case["none"]]:
        wrong += [f"{case['none']} is not empty"] * len(result[case["none"]])
    return Outcome(
        id=case["id"],
        facts=len(facts),
        missing=[each for each in facts if not re.search(each, text, re.IGNORECASE)],
        wrong=wrong,
        statements=items,
        seconds=round(seconds, 1),
        cost=asdict(model.cost),
        answer=text,
    )


async def _result(do: dict[str, Any], source: SourceText, insights: Insights) -> dict[str, Any]:
    (what, kind) = next(iter(do.items()))
    if what == "summarize":
        return (await insights.summarize(source, style=kind)).model_dump()
    if what == "analyze":
        return (await insights.analyze(source, kind=kind)).model_dump()
    if what == "generate":
        return (await insights.generate(source, kind=kind)).model_dump()
    return (await insights.answer(kind, _found(kind, source), language=source.language)).model_dump()


@dataclass(frozen=True, kw_only=True)
class _Passage:
    context: tuple[Line, ...]
    score: float
    similarity: float


def _found(question: str, source: SourceText, *, most: int = 4) -> list[_Passage]:
    """Return the passages that share the most words with a question: a stand-in for the real search."""
    words = {word[:5] for word in content_words(question)}
    passages = []
    for at in range(0, len(source.segments), 3):
        segments = source.segments[at : at + 5]
        shared = words & {word[:5] for segment in segments for word in content_words(segment.text)}
        lines = tuple(
            Line(order=each.order, start_s=each.start_s or 0.0, end_s=each.end_s or 0.0, text=each.text)
            for each in segments
        )
        score = 0.2 + 0.8 * len(shared) / max(len(words), 1)
        passages.append(_Passage(context=lines, score=score, similarity=score))
    return sorted(passages, key=lambda each: -each.score)[:most]


def _text_of(result: dict[str, Any]) -> tuple[str, int]:
    """Return a result as text, and how many statements it makes."""
    text = result.get("content") or result.get("summary") or result.get("answer")
    items = sum(len(value) for value in result.values() if isinstance(value, list))
    if not text:
        text = "\n".join(
            json.dumps(each, ensure_ascii=False) for v in result.values() if isinstance(v, list) for each in v
        )
    return text, items or len(re.findall(r"[.!?](?:\s|$)", text))


def _report(outcomes: Sequence[Outcome]) -> str:
    facts = sum(each.facts for each in outcomes)
    present = facts - sum(len(each.missing) for each in outcomes)
    wrong = sum(len(each.wrong) for each in outcomes)
    lines = [
        "| case | facts | wrong | statements | calls | tokens in / out | s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in outcomes:
        cost = f"{each.cost['calls']} | {each.cost['prompt_tokens']} / {each.cost['completion_tokens']}"
        share = f"{each.facts - len(each.missing)}/{each.facts}"
        lines.append(f"| {each.id} | {share} | {len(each.wrong)} | {each.statements} | {cost} | {each.seconds} |")
    versions = ", ".join(f"{name} {prompt(name).version}" for name in prompt_names())
    return "\n".join([*lines, "", f"Facts present: {present} of {facts}. Wrong: {wrong}.", f"Prompts: {versions}."])


async def _run(arguments: argparse.Namespace) -> None:
    engine = await asyncio.to_thread(
        open_engine, LanguageModelOptions(engine="openvino", weights=arguments.weights.name), arguments.weights
    )
    cases = yaml.safe_load(_CASES.read_text("utf-8"))
    wanted = [case for case in cases if not arguments.only or any(part in case["id"] for part in arguments.only)]
    insights = partial(Insights, tools=load_text_tools(), guesser=FastTextGuesser())  # as the service makes them
    outcomes = []
    try:
        for case in wanted:
            outcomes.append(await outcome_of(case, insights, CountingModel(engine)))
            last = outcomes[-1]
            print(f"{last.id}: missing {last.missing}, wrong {last.wrong}, {last.seconds} s, {last.cost}", flush=True)
            if arguments.show:
                print(last.answer, end="\n\n", flush=True)
    finally:
        await engine.close()
    print(_report(outcomes))
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(each) for each in outcomes], indent=1, ensure_ascii=False), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--out", type=Path)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
