"""How good translations are: chrF against references, and what became of numbers and names."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common.report import Table, number
from configs.language import LanguageModelOptions
from configs.text import OpusMtOptions
from deployments.local_text import LocalOpusMt
from serve_app.adapters.weights import default_data_dir, installed_path
from serve_app.ports.language import ChatMessage, GenerateOptions, LanguageModel, Translations, Translator
from serve_app.transcript.languages import LANGUAGES
from serve_app.translation.by_language_model import LlmTranslator
from serve_app.translation.by_sentence import SentenceTranslator
from serve_app.translation.fidelity import missing

PAIRS_PATH = Path(__file__).with_name("pairs.json")
Direction = tuple[str, str]
DIRECTIONS: tuple[Direction, ...] = (("en", "fr"), ("en", "es"), ("en", "de"), ("fr", "en"), ("es", "en"), ("de", "en"))
LANGUAGE_MODEL = "qwen2.5-coder-1.5b-instruct-q4"
_ORDER, _BETA = 6, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """`chrf` is 0..100; the others count sentences' parts and names that a translation lost."""

    chrf: float
    lost_parts: int
    lost_names: int
    seconds: float


def chrf(candidates: Sequence[str], references: Sequence[str]) -> float:
    """Return corpus chrF2, 0..100 (M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015).

    Spaces do not count, as in the paper.
    """
    shares = []
    for order in range(1, _ORDER + 1):
        matched = said = wanted = 0
        for candidate, reference in zip(candidates, references, strict=True):
            ours, theirs = _ngrams(candidate, order), _ngrams(reference, order)
            matched += (ours & theirs).total()
            said, wanted = said + ours.total(), wanted + theirs.total()
        if said and wanted:
            shares.append((matched / said, matched / wanted))
    precision = sum(p for p, _ in shares) / len(shares)
    recall = sum(r for _, r in shares) / len(shares)
    if precision + recall == 0:
        return 0.0
    return 100 * (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)


def _ngrams(text: str, order: int) -> Counter[str]:
    plain = "".join(text.split())
    return Counter(plain[at : at + order] for at in range(len(plain) - order + 1))


class RawModel:
    """What one would write first: the language model, asked in one sentence, believed at once."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset(DIRECTIONS)

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        done = []
        for text in texts:
            ask = f"Translate this into {LANGUAGES[target].title()}: {text}"
            options = GenerateOptions(max_tokens=256)
            done.append((await self._model.generate([ChatMessage(role="user", content=ask)], options)).text.strip())
        return Translations(texts=tuple(done), engine="raw")


async def measure_translation(
    say: Callable[[str], None], *, directions: Sequence[Direction] = DIRECTIONS, sentences_at_most: int | None = None
) -> tuple[Table, dict[str, Any]]:
    """Score every engine that is installed in every direction that it knows."""
    sentences = json.loads(PAIRS_PATH.read_text(encoding="utf-8"))["sentences"][:sentences_at_most]
    rows, numbers = [], {}
    for name, translator in _engines().items():
        known = await translator.pairs()
        for source, target in (direction for direction in directions if direction in known):
            say(f"translation: {name}, {source} to {target}")
            scores = await _scores(translator, sentences, source=source, target=target)
            lost = [str(scores.lost_parts), str(scores.lost_names)]
            rows.append([name, f"{source} to {target}", number(scores.chrf, 1), *lost, number(scores.seconds)])
            numbers[f"{name} {source}-{target}"] = scores.chrf
    columns = ["engine", "direction", "chrF", "numbers, addresses and placeholders lost", "names lost", "s a sentence"]
    note = f"{len(sentences)} sentences with references by hand (pairs.json)."
    return Table(title="Translation", columns=columns, rows=rows, note=note), numbers


async def _scores(translator: Translator, sentences: Sequence[dict[str, Any]], *, source: str, target: str) -> Scores:
    texts = [sentence[source] for sentence in sentences]
    await translator.translate(texts[:1], source=source, target=target)  # loads what is loaded at first use
    started = time.perf_counter()
    done = (await translator.translate(texts, source=source, target=target)).texts
    seconds = (time.perf_counter() - started) / len(texts)
    return Scores(
        chrf=chrf(done, [sentence[target] for sentence in sentences]),
        lost_parts=sum(len(missing(text, text_done)) for text, text_done in zip(texts, done, strict=True)),
        lost_names=sum(name not in d for s, d in zip(sentences, done, strict=True) for name in s["names"]),
        seconds=seconds,
    )


def _engines() -> dict[str, Translator]:
    """Return what is installed."""
    data_dir, engines = default_data_dir(), dict[str, Translator]()
    if all(installed_path(data_dir, name).is_dir() for name in OpusMtOptions().weights.values()):
        opus_mt = LocalOpusMt(OpusMtOptions(threads=2), data_dir)
        engines |= {"opus-mt, alone": opus_mt, "opus-mt": SentenceTranslator(opus_mt)}
    weights = installed_path(data_dir, LANGUAGE_MODEL)
    if weights.is_dir():
        from deployments.local_language import open_engine
        from serve_app.adapters.text_language import FastTextGuesser

        model = open_engine(LanguageModelOptions(engine="openvino", weights=LANGUAGE_MODEL), weights)
        engines |= {
            "language model, raw": RawModel(model),
            "language model": LlmTranslator(model, guesser=FastTextGuesser()),
        }
    return engines
