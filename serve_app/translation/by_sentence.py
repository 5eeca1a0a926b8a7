"""Texts by a model that translates sentences: cut, guarded, checked, and laid out as they were."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from serve_app.pipeline.fan_out import bounded_map
from serve_app.ports.language import Translations, Translator
from serve_app.translation.fidelity import around_parts, best_of, mask, missing, says_something, unmask
from serve_app.translation.sentences import Sentence, join_sentences, split_sentences

_SENT_AT_ONCE = 64  # sentences in one call: a caller who goes away wastes no more
_CALLS_AT_ONCE = 2  # so that the engine's next batch waits while one runs


class SentenceTranslator:
    """A Translator of texts of any length, over one of sentences.

    Addresses, placeholders and the like come back to the letter. A sentence whose translation lost a number is
    translated once more with its numbers hidden, and the better of the two counts.
    """

    def __init__(self, engine: Translator) -> None:
        self._engine = engine

    async def pairs(self) -> frozenset[tuple[str, str]]:
        return await self._engine.pairs()

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        asked = _Asked(self._engine, source=source, target=target)
        layouts = [split_sentences(text) for text in texts]
        wanted = list(dict.fromkeys(s.text for layout in layouts for s in layout if says_something(s.text)))
        known = await self._guarded(wanted, asked)
        lost = [sentence for sentence in wanted if missing(sentence, known[sentence])]
        if lost:
            again = await self._numbers_hidden(lost, asked)
            known |= {sentence: best_of(sentence, [known[sentence], again[sentence]]) for sentence in lost}
        return Translations(
            texts=tuple(
                join_sentences([Sentence(text=known.get(s.text, s.text), after=s.after) for s in layout])
                for layout in layouts
            ),
            engine=asked.engine,
        )

    async def _guarded(self, sentences: Sequence[str], asked: _Asked) -> dict[str, str]:
        """Translate with marks in place of what is kept; where a mark was lost, translate what lies around it."""
        masked = [mask(sentence) for sentence in sentences]
        translated = await asked([each.text for each in masked])
        restored = {
            sentence: unmask(text, each) for sentence, each, text in zip(sentences, masked, translated, strict=True)
        }
        broken = [
            sentence
            for sentence, text in restored.items()
            if text is None or any(kept and run not in text for run, kept in around_parts(sentence))
        ]
        whole = {sentence: text for sentence, text in restored.items() if text is not None}
        return whole | (await _in_runs(broken, asked) if broken else {})

    async def _numbers_hidden(self, sentences: Sequence[str], asked: _Asked) -> dict[str, str]:
        masked = [mask(sentence, numbers=True) for sentence in sentences]
        translated = await asked([each.text for each in masked])
        return {
            sentence: unmask(text, each) or ""
            for sentence, each, text in zip(sentences, masked, translated, strict=True)
        }


class _Asked:
    """One request to an engine, in calls of bounded size."""

    def __init__(self, engine: Translator, *, source: str, target: str) -> None:
        self.engine = ""
        self._engine = engine
        self._source = source
        self._target = target

    async def __call__(self, sentences: Sequence[str]) -> list[str]:
        translate = partial(self._engine.translate, source=self._source, target=self._target)
        parts = [sentences[first : first + _SENT_AT_ONCE] for first in range(0, len(sentences), _SENT_AT_ONCE)]
        done = await bounded_map([partial(translate, part) for part in parts], limit=_CALLS_AT_ONCE)
        self.engine = done[0].engine if done else self.engine
        return [text for answer in done for text in answer.texts]


async def _in_runs(sentences: Sequence[str], asked: _Asked) -> dict[str, str]:
    """Translate what lies between the kept parts, run by run."""
    runs = {sentence: around_parts(sentence) for sentence in sentences}
    wanted = list(
        dict.fromkeys(run.strip() for each in runs.values() for run, kept in each if not kept and says_something(run))
    )
    known = dict(zip(wanted, await asked(wanted), strict=True))

    def put(run: str, kept: bool) -> str:
        stripped = run.strip()
        return run if kept or stripped not in known else run.replace(stripped, known[stripped].strip())

    return {sentence: "".join(put(run, kept) for run, kept in each) for sentence, each in runs.items()}
