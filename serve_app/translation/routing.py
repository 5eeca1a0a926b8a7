"""Several translators as one: a pair is answered by the first that knows it."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.errors import UnsupportedPair
from serve_app.ports.language import Translations, Translator

UNTOUCHED = "none"  # the engine's name where there was nothing to translate


class RoutedTranslator:
    """A Translator over others, the best one first."""

    def __init__(self, translators: Sequence[Translator]) -> None:
        self._translators = tuple(translators)

    async def pairs(self) -> frozenset[tuple[str, str]]:
        found: frozenset[tuple[str, str]] = frozenset()
        for translator in self._translators:
            found |= await translator.pairs()
        return found

    async def translate(self, texts: Sequence[str], *, source: str, target: str) -> Translations:
        if source == target:
            return Translations(texts=tuple(texts), engine=UNTOUCHED)
        for translator in self._translators:
            if (source, target) in await translator.pairs():
                return await translator.translate(texts, source=source, target=target)
        raise unsupported(await self.pairs(), source=source, target=target)


def unsupported(pairs: frozenset[tuple[str, str]], *, source: str, target: str) -> UnsupportedPair:
    """Return the error that tells what is known instead."""
    sources = sorted({known for known, _ in pairs})
    targets = sorted({other for known, other in pairs if known == source})
    if targets:
        known = f"from {source} there are {', '.join(targets)}"
    else:
        known = f"texts can be in {', '.join(sources)}" if sources else "there is no translator"
    return UnsupportedPair(
        f"Nothing here translates from {source} to {target}: {known}.",
        source=source,
        target=target,
        sources=sources,
        targets=targets or sorted({other for _, other in pairs}),
    )
