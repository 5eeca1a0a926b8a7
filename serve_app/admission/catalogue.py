"""Which models a profile serves, and which one answers when a client names another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from serve_app.errors import UnknownModel
from serve_app.transcript.model import Warning

DEFAULT_MODEL = "large-v3-turbo"
"""What a request without `model` asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model that clients may name."""

    id: str
    name: str
    languages: int = 99
    speed: str = "standard"  # fast, standard or very_fast, as clients of the platform dialect know them
    available: bool = True  # loaded by this profile
    kind: Literal["transcription", "chat", "embedding"] = "transcription"  # what it does
    owned_by: str = "hark"
    created: int = 0  # Unix seconds; OpenAI's clients want a number


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCatalogue:
    """The models of a profile. `substitute` names an available one."""

    models: tuple[ModelEntry, ...]
    substitute: str
    aliases: tuple[str, ...] = ("whisper-1",)  # other services' names: whatever this profile would choose answers
    strict: bool = False  # refuse a model that is known but not loaded instead of substituting

    def __post_init__(self) -> None:
        if not any(entry.id == self.substitute and entry.available for entry in self.models):
            raise ValueError(f"the substitute {self.substitute!r} is not an available model of the catalogue")

    def entry(self, name: str) -> ModelEntry | None:
        """Return the entry of a model or of an alias, None when the name is unknown."""
        wanted = self.substitute if name in self.aliases else name
        return next((entry for entry in self.models if entry.id == wanted), None)

    def resolve(self, name: str | None) -> tuple[str, Warning | None]:
        """Return the model that answers, with a warning when it is not the one asked for.

        None asks for the default, which is substituted even in a strict catalogue: nobody named it.
        Raises UnknownModel for a name nobody knows and, in a strict catalogue, for one that is not loaded.
        """
        wanted = name or DEFAULT_MODEL
        entry = self.entry(wanted)
        entry = entry if entry is not None and entry.kind == "transcription" else None
        if entry is not None and entry.available:
            return entry.id, None
        if name and (entry is None or self.strict):
            raise UnknownModel(self._refusal(wanted, known=entry is not None), field="model", accepted=self._accepted())
        message = f"The model {wanted} is not loaded here; {self.substitute} answered."
        return self.substitute, Warning(code="model_substituted", message=message)

    def _accepted(self) -> list[str]:
        transcribing = [entry for entry in self.models if entry.kind == "transcription"]
        return [entry.id for entry in transcribing if entry.available or not self.strict] + list(self.aliases)

    def _refusal(self, name: str, *, known: bool) -> str:
        reason = "is not loaded here" if known else "is unknown"
        return f"The model {name[:64]!r} {reason}; use one of: {', '.join(self._accepted())}."
