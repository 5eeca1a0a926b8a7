"""What `POST /v1/translate` does: languages named or guessed, texts grouped by language, one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serve_app.errors import UnsupportedPair
from serve_app.ports.language import LanguageGuesser, Translator
from serve_app.transcript.languages import language_code
from serve_app.translation.fidelity import says_something
from serve_app.translation.routing import UNTOUCHED, unsupported

AUTO = "auto"
_ENOUGH_LETTERS = 20  # in fewer the language of a text is taken from the others of its request


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """Texts in the order they came; `sources` are their languages."""

    texts: tuple[str, ...]
    sources: tuple[str, ...]
    target: str
    engine: str  # which model answered, or several with a comma between


class Translation:
    """Translates texts from languages that are named or not."""

    def __init__(self, translator: Translator, guesser: LanguageGuesser, *, fallback: str = "en") -> None:
        self._translator = translator
        self._guesser = guesser
        self._fallback = fallback  # the language of texts that show none

    async def translate(self, texts: Sequence[str], *, target: str, source: str = AUTO) -> Translated:
        """Translate texts; raises UnsupportedPair, which lists what is known."""
        target = await self._code(target)
        sources = await self._sources(texts, source=source, target=target)
        done: dict[int, str] = {}
        engines: list[str] = []
        for language in dict.fromkeys(sources):
            chosen = [index for index, each in enumerate(sources) if each == language]
            answer = await self._translator.translate([texts[i] for i in chosen], source=language, target=target)
            done |= dict(zip(chosen, answer.texts, strict=True))
            engines.append(answer.engine)
        return Translated(
            texts=tuple(done[index] for index in range(len(texts))),
            sources=tuple(sources),
            target=target,
            engine=", ".join(dict.fromkeys(e for e in engines if e and e != UNTOUCHED)) or UNTOUCHED,
        )

    async def _sources(self, texts: Sequence[str], *, source: str, target: str) -> list[str]:
        pairs = await self._translator.pairs()
        if target not in {known for _, known in pairs}:
            raise unsupported(pairs, source=source, target=target)
        if source != AUTO:
            return [await self._code(source)] * len(texts)
        known = {language for language, other in pairs if other == target} | {target}
        together = self._guess(" ".join(texts))
        usual = together if together in known else None
        return [self._source_of(text, usual=usual, known=known) for text in texts]

    def _source_of(self, text: str, *, usual: str | None, known: set[str]) -> str:
        guessed = self._guess(text) if sum(c.isalpha() for c in text) >= _ENOUGH_LETTERS else None
        if guessed in known or (guessed is not None and usual is None):
            return guessed or self._fallback
        return usual or self._fallback

    def _guess(self, text: str) -> str | None:
        return self._guesser.guess(text) if says_something(text) else None

    async def _code(self, name: str) -> str:
        """Return the code of a language, however it is named."""
        if (code := language_code(name)) is None:
            known = sorted({language for pair in await self._translator.pairs() for language in pair})
            raise UnsupportedPair(
                f"There is no language {name[:40]!r} here; known are {', '.join(known)}.", languages=known
            )
        return code
