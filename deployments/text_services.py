"""The text features over deployments: which are bound for a profile, and how the HTTP side gets at them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from cachetools import TTLCache
from ray import serve

from configs.settings import AppSettings
from deployments.engines.minilm import MAX_TOKENS
from deployments.remote_language import RemoteLanguageModel
from deployments.remote_text import RemoteEmbedder, RemoteTranslator
from serve_app.adapters.text_language import FastTextGuesser
from serve_app.api.text.services import TextLimits, TextServices
from serve_app.insights.insights import Insights
from serve_app.insights.kept import KeptAnswers
from serve_app.ports.language import LanguageGuesser, LanguageModel, Translator
from serve_app.ports.text_tools import TextTools
from serve_app.retrieval.index import TranscriptIndex
from serve_app.translation.by_language_model import LlmTranslator, LlmTranslatorSettings
from serve_app.translation.by_sentence import SentenceTranslator
from serve_app.translation.routing import RoutedTranslator
from serve_app.translation.service import Translation

if TYPE_CHECKING:
    from ray.serve.deployment import Application

    from serve_app.adapters.database import Database


_KEPT_CHARS = 4_000_000  # of answers, in one process
_KEPT_S = 3600.0  # longer than hours of speech take to be read on two cores, so that the next kind finds all of it


def bind_text_models(settings: AppSettings) -> list[Application]:
    """Bind the deployments of the models that a profile has."""
    from deployments.embedder import EmbedderDeployment
    from deployments.language_model import LanguageModelDeployment
    from deployments.translator import TranslatorDeployment

    data_dir = settings.data_path()
    bound = [
        serve.deployment(name=f"language-model-{name}")(LanguageModelDeployment).bind(options, data_dir)
        for name, options in settings.language_models.items()
    ]
    if settings.embedder:
        weights = settings.weights_path(settings.embedder.weights)
        bound.append(serve.deployment(name="embedder")(EmbedderDeployment).bind(settings.embedder, weights))
    translation = settings.translation
    for options in (translation.madlad, translation.opus_mt) if translation else ():
        if options is not None:
            deployment = serve.deployment(name=f"translator-{options.engine}")(TranslatorDeployment)
            bound.append(deployment.bind(options, data_dir))
    return bound


def open_text_services(settings: AppSettings, *, app_name: str, database: Database) -> TextServices:
    """Return the text features over handles of a profile's deployments."""
    models = {
        name: RemoteLanguageModel(serve.get_deployment_handle(f"language-model-{name}", app_name=app_name))
        for name in settings.language_models
    }
    guesser = FastTextGuesser()
    embedder = RemoteEmbedder(serve.get_deployment_handle("embedder", app_name=app_name)) if settings.embedder else None
    limits = settings.translation
    return TextServices(
        language_models=models,
        insights=_insights_over_tools(guesser) if models else None,
        embedder=embedder,
        count_embedded=_token_counter(settings) if settings.embedder else None,
        translation=_translation(settings, models, guesser, app_name=app_name),
        index=TranscriptIndex(embedder=embedder, store=database.passages) if embedder else None,
        chats=database.chats,
        results=database.insights,
        is_ready=lambda name: is_ready(settings, name),
        limits=TextLimits(
            max_translated_chars=limits.max_chars if limits else 0,
            max_translated_texts=limits.max_texts if limits else 0,
            max_embedded_texts=settings.embedder.max_texts if settings.embedder else 0,
        ),
        session_s=settings.chat.session_days * 86_400,
        passages=settings.chat.passages,
    )


def is_ready(settings: AppSettings, name: str) -> bool:
    """Tell whether the weights of a model are there, or come with its engine; unknown models are others' business."""
    options = settings.language_models.get(name)
    return options is None or options.on_hub or settings.weights_path(options.weights).is_dir()


def _translation(
    settings: AppSettings, models: dict[str, RemoteLanguageModel], guesser: LanguageGuesser, *, app_name: str
) -> Translation | None:
    options = settings.translation
    if options is None:
        return None
    translators: list[Translator] = []
    if options.madlad:
        handle = serve.get_deployment_handle("translator-madlad", app_name=app_name)
        translators.append(SentenceTranslator(RemoteTranslator(handle)))
    if options.opus_mt:
        handle = serve.get_deployment_handle("translator-opus-mt", app_name=app_name)
        translators.append(SentenceTranslator(RemoteTranslator(handle, pairs=options.opus_mt.pairs())))
    if options.language_model and models:
        name, model = next(iter(models.items()))
        translators.append(LlmTranslator(model, guesser=guesser, settings=LlmTranslatorSettings(name=name)))
    return Translation(RoutedTranslator(translators), guesser) if translators else None


def _insights_over_tools(guesser: LanguageGuesser) -> Callable[[LanguageModel], Awaitable[Insights]]:
    """Return what makes Insights; the classic tools are loaded once, when first needed.

    What a model answered is kept for a while, in memory: who has a meeting summarized often wants its notes next.
    """
    tools: list[TextTools] = []
    kept: dict[LanguageModel, KeptAnswers] = {}
    loading = asyncio.Lock()

    async def insights(model: LanguageModel) -> Insights:
        async with loading:
            if not tools:
                from serve_app.adapters.text_tools import load_text_tools

                tools.append(await asyncio.to_thread(load_text_tools))
        answers = kept.setdefault(model, KeptAnswers(TTLCache(_KEPT_CHARS, _KEPT_S, getsizeof=len)))
        return Insights(model, tools=tools[0], guesser=guesser, kept=answers)

    return insights


def _token_counter(settings: AppSettings) -> Callable[[Sequence[str]], Awaitable[int]]:
    """Return what counts the tokens that the embedder reads; its tokenizer is loaded when first needed."""

    @cache
    def tokenizer() -> Any:
        from tokenizers import Tokenizer

        opened = Tokenizer.from_file(str(settings.weights_path(name) / "tokenizer.json"))
        opened.no_padding()
        opened.enable_truncation(MAX_TOKENS)
        return opened

    def count(texts: Sequence[str]) -> int:
        return sum(len(each.ids) for each in tokenizer().encode_batch(list(texts)))

    name = settings.embedder.weights if settings.embedder else ""
    return lambda texts: asyncio.to_thread(count, texts)
