"""Translation models as deployments: they take sentences, and batch those of all their callers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configs.text import MadladOptions, OpusMtOptions
from deployments.local_text import LocalMadlad, LocalOpusMt
from deployments.remote import speech_errors
from deployments.yielding import give_way
from serve_app.ports.language import Translations


class TranslatorDeployment:
    """Serves ports.Translator over sentences; texts go through translation.by_sentence. It may scale to zero."""

    def __init__(self, options: OpusMtOptions | MadladOptions, data_dir: Path) -> None:
        give_way(device=options.device)
        self._translator: LocalOpusMt | LocalMadlad = (
            LocalOpusMt(options, data_dir) if isinstance(options, OpusMtOptions) else LocalMadlad(options)
        )

    @speech_errors
    async def pairs(self) -> frozenset[tuple[str, str]]:
        return await self._translator.pairs()

    @speech_errors
    async def translate(self, texts: Sequence[str], source: str, target: str) -> Translations:
        return await self._translator.translate(texts, source=source, target=target)
