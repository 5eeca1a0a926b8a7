"""Typed settings of the application: what a profile says under `args`. Unknown keys are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from configs.accounts import AccountsSettings
from configs.base import Settings
from configs.jobs import JobOptions
from configs.language import LanguageModelOptions
from configs.realtime import RealtimeOptions
from configs.storage import DatabaseSettings, StorageSettings
from configs.text import ChatOptions, EmbedderOptions, TranslationOptions

if TYPE_CHECKING:
    from serve_app.admission.authentication import OpenTo
    from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
    from serve_app.api.services import ApiSettings
    from serve_app.pipeline.settings import PipelineSettings
    from serve_app.pipeline.shedding import SheddingSettings

WHISPER_MODELS = {
    "large-v3-turbo": ("Whisper large-v3-turbo", "fast"),
    "large-v3": ("Whisper large-v3", "standard"),
    "medium": ("Whisper medium", "standard"),
    "small": ("Whisper small", "very_fast"),
    "base": ("Whisper base", "very_fast"),
    "tiny.en": ("Whisper tiny, English only", "very_fast"),
}


class RecognizerSettings(Settings):
    """One Whisper model. Its replicas and resources stand under `deployments`, as `recognizer-<model>`."""

    weights: str  # name of the weight set in configs/weights.yaml
    device: str = "cpu"
    compute_type: str = "int8"  # CTranslate2's: int8, float16, int8_float16, …
    threads: int = Field(default=1, ge=1)  # CPU threads; two replicas of one thread beat one replica of two
    beam_size: int = Field(default=5, ge=1)
    decoder: Literal["ctranslate2", "onnxruntime"] = "ctranslate2"  # onnxruntime: for CPUs, costs half
    pool_silence: bool = False  # for CPUs: the silence behind chunks of up to 20 s costs an eighth, for the same words
    max_batch: int = Field(default=4, ge=1)  # windows decoded together; bounds what a replica takes of a GPU
    max_batch_beside_sessions: int | None = Field(default=None, ge=1)  # while sessions are open: they wait for a batch
    max_waiting: int = Field(default=256, ge=1)  # windows queued in a replica before it says that it is full

    @model_validator(mode="after")
    def _onnxruntime_is_for_cpus(self) -> RecognizerSettings:
        if self.device != "cpu" and (self.decoder == "onnxruntime" or self.pool_silence):
            raise ValueError(f"`decoder: onnxruntime` and `pool_silence` are for CPUs, not for {self.device}")
        return self


class DiarizerSettings(Settings):
    """The diarization models."""

    weights: str
    device: str = "cpu"
    threads: int = Field(default=1, ge=1)
    gpu_memory_share: float | None = Field(default=None, gt=0, le=1)  # of one card, that torch may take; null: all


class VoiceDetectorSettings(Settings):
    """Silero's voice activity detection, which comes with faster-whisper."""

    threads: int = Field(default=2, ge=1)  # calls at once; nothing is recognized before a recording is listened to


class HttpSettings(Settings):
    """The HTTP side."""

    operator_key: str | None = Field(default=None, repr=False)  # HARK_OPERATOR_KEY; acts as the owner from anywhere
    max_file_bytes: int = Field(default=8 * 1024**3, ge=1)
    max_duration_s: float | None = Field(default=12 * 3600.0, gt=0)  # a few KB of FLAC can be days of silence
    request_deadline_s: float = Field(default=3600.0, gt=0)
    trusted_proxies: tuple[str, ...] = ()  # whose X-Forwarded-For is believed
    allow_private_urls: bool = False  # `url=` may name addresses of this network


class PipelineOptions(Settings):
    """Bounds of one request; the algorithm's own thresholds have measured defaults in the code."""

    lanes_in_flight: int = Field(default=8, ge=1)
    diarizations_in_flight: int = Field(default=3, ge=1)
    lane_s: float = Field(default=120.0, ge=30)
    window_s: float = Field(default=30.0, ge=5, le=30)


class SheddingOptions(Settings):
    """When a request is refused at once, with a Retry-After, instead of waiting."""

    longest_wait_s: float = Field(default=12.0, gt=0)  # a recording of up to a minute whose turn is further away
    always_admitted: int = Field(default=6, ge=1)  # with fewer requests at work nobody is refused for the wait

    def shedding_settings(self) -> SheddingSettings:
        from serve_app.pipeline.shedding import SheddingSettings

        return SheddingSettings(**self.model_dump())


class AppSettings(Settings):
    """Everything the application is built from."""

    profile: str
    data_dir: Path | None = None  # HARK_DATA_DIR; null: ~/.local/share/hark
    recognizers: dict[str, RecognizerSettings] = Field(min_length=1)  # by model id
    substitute: str  # the loaded model that answers for known ones that are not
    strict_models: bool = False  # refuse them instead
    diarizer: DiarizerSettings | None = None
    voice_detector: VoiceDetectorSettings = VoiceDetectorSettings()
    language_models: dict[str, LanguageModelOptions] = Field(default_factory=dict)  # by model id; the first answers
    embedder: EmbedderOptions | None = None
    translation: TranslationOptions | None = None
    chat: ChatOptions = ChatOptions()
    pipeline: PipelineOptions = PipelineOptions()
    shedding: SheddingOptions = SheddingOptions()
    api: HttpSettings = HttpSettings()
    accounts: AccountsSettings = AccountsSettings()
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    jobs: JobOptions = JobOptions()
    realtime: RealtimeOptions = RealtimeOptions()

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Secrets and places come from the environment, so that no file holds them."""
        merged = dict(values)
        if key := os.environ.get("HARK_OPERATOR_KEY"):
            api = merged.get("api") or {}
            merged["api"] = {**(api if isinstance(api, dict) else api.model_dump()), "operator_key": key}
        if url := os.environ.get("HARK_DATABASE_URL"):
            database = merged.get("database") or {}
            merged["database"] = {**(database if isinstance(database, dict) else database.model_dump()), "url": url}
        if data_dir := os.environ.get("HARK_DATA_DIR"):
            merged.setdefault("data_dir", data_dir)
        return merged

    @model_validator(mode="after")
    def _substitute_is_loaded(self) -> AppSettings:
        unknown = sorted(set(self.recognizers) - set(WHISPER_MODELS))
        if unknown:
            raise ValueError(f"unknown models {unknown}; known are {sorted(WHISPER_MODELS)}")
        if twice := sorted(set(self.language_models) & set(WHISPER_MODELS)):
            raise ValueError(f"language models cannot have the names of recognizers: {twice}")
        if self.substitute not in self.recognizers:
            raise ValueError(f"substitute {self.substitute!r} is not among the recognizers {sorted(self.recognizers)}")
        return self

    def data_path(self) -> Path:
        """Return the data directory."""
        from serve_app.adapters.weights import default_data_dir

        return self.data_dir or default_data_dir()

    def weights_path(self, name: str) -> Path:
        """Return where a weight set lies."""
        from serve_app.adapters.weights import installed_path

        return installed_path(self.data_path(), name)

    def weight_sets(self) -> list[str]:
        """Return the names of the weight sets that must be installed; others are fetched on first use."""
        names = [r.weights for r in self.recognizers.values()]
        names += [self.diarizer.weights] if self.diarizer else []
        return names + ([self.embedder.weights] if self.embedder else [])

    def catalogue(self) -> ModelCatalogue:
        """Return the models clients may name."""
        from serve_app.admission.catalogue import ModelCatalogue, ModelEntry

        contract = ("large-v3-turbo", "large-v3", "medium", "small")
        ids = [*contract, *(model for model in self.recognizers if model not in contract)]
        return ModelCatalogue(
            models=tuple(
                ModelEntry(
                    id=model,
                    name=WHISPER_MODELS[model][0],
                    speed=WHISPER_MODELS[model][1],
                    languages=1 if model.endswith(".en") else 99,
                    available=model in self.recognizers,
                )
                for model in ids
            )
            + self._text_models(),
            substitute=self.substitute,
            strict=self.strict_models,
        )

    def _text_models(self) -> tuple[ModelEntry, ...]:
        from serve_app.admission.catalogue import ModelEntry
        from serve_app.api.text.services import EMBEDDING_MODEL
        from serve_app.translation.by_language_model import QWEN_LANGUAGES

        chat = [
            ModelEntry(id=name, name=options.title or name, languages=len(QWEN_LANGUAGES), kind="chat")
            for name, options in self.language_models.items()
        ]
        embedding = ModelEntry(id=EMBEDDING_MODEL, name=EMBEDDING_MODEL, languages=1, speed="fast", kind="embedding")
        return (*chat, *((embedding,) if self.embedder else ()))

    def api_settings(self, *, open_to: OpenTo) -> ApiSettings:
        """Return the settings of the HTTP side; `open_to`: who is the owner without credentials."""
        from serve_app.api.services import ApiSettings

        days = self.accounts.retention_days
        return ApiSettings(
            spool_dir=self.data_path() / "spool",
            open_to=open_to,
            plans=self.accounts.plan_table(),
            prices=self.accounts.price_list(),
            hold_s=self.accounts.hold_s,
            retention_s=None if days is None else days * 86_400,
            server_sends_request_id=True,
            proxy_tells_client=os.environ.get("HARK_PROXY_TELLS_CLIENT") == "1",
            **self.api.model_dump(exclude={"allow_private_urls"}),
        )

    def pipeline_settings(self) -> PipelineSettings:
        """Return the settings of the pipeline."""
        from serve_app.audio.plan import PlanSettings
        from serve_app.pipeline.settings import PipelineSettings

        return PipelineSettings(
            lanes_in_flight=self.pipeline.lanes_in_flight,
            diarizations_in_flight=self.pipeline.diarizations_in_flight,
            window_s=self.pipeline.window_s,
            plan=PlanSettings(lane_s=self.pipeline.lane_s),
        )
