"""What the routes on texts need from the rest of the service. What a profile does not have is None or empty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from serve_app.errors import ModelUnavailable, UnknownModel
from serve_app.insights.insights import Insights
from serve_app.ports.insights import InsightStore
from serve_app.ports.language import Embedder, LanguageModel
from serve_app.ports.passages import ChatStore
from serve_app.retrieval.index import TranscriptIndex
from serve_app.translation.service import Translation

EMBEDDING_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLimits:
    """Of one request."""

    max_body_bytes: int = 16 * 1024**2
    max_chars: int = 2_000_000  # of a text that is summarized, analyzed or made something of: three days of speech
    max_translated_chars: int = 200_000
    max_translated_texts: int = 1_000
    max_embedded_texts: int = 2_048
    max_embedded_chars: int = 4_000_000  # of all texts; the model reads the first 256 tokens of each


@dataclass(frozen=True, slots=True, kw_only=True)
class TextServices:
    """The text features of a profile."""

    language_models: Mapping[str, LanguageModel] = field(default_factory=dict)  # by model id; the first is the default
    insights: Callable[[LanguageModel], Awaitable[Insights]] | None = None
    embedder: Embedder | None = None
    count_embedded: Callable[[Sequence[str]], Awaitable[int]] | None = None  # tokens the embedder reads of texts
    translation: Translation | None = None
    index: TranscriptIndex | None = None
    chats: ChatStore | None = None
    results: InsightStore | None = None
    is_ready: Callable[[str], bool] = lambda model: True  # are a model's weights there, or still to be fetched
    limits: TextLimits = TextLimits()
    session_s: float = 30 * 86_400.0  # a talk that is not gone on with for so long is forgotten
    passages: int = 5  # that are found for a question

    def language_model(self, name: str | None) -> tuple[str, LanguageModel]:
        """Return the model of a name, or the default one, with its name. Raises UnknownModel or ModelUnavailable."""
        if not self.language_models:
            raise ModelUnavailable("This profile has no language model.")
        wanted = name or next(iter(self.language_models))
        if wanted not in self.language_models:
            known = list(self.language_models)
            message = f"The model {wanted[:64]!r} is unknown; use one of: {', '.join(known)}."
            raise UnknownModel(message, field="model", accepted=known)
        return wanted, self.language_models[wanted]

    async def insights_of(self, model: LanguageModel) -> Insights:
        """Return what answers about texts with a model. Raises ModelUnavailable."""
        if self.insights is None:
            raise ModelUnavailable("This profile has no language model.")
        return await self.insights(model)
