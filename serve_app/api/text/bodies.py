"""The JSON bodies of the routes on texts."""

from __future__ import annotations

from typing import TypeVar, get_args

from pydantic import Field
from starlette.requests import Request

from serve_app.api.account.bodies import Body, json_body
from serve_app.api.context import services_of
from serve_app.api.fields import refuse
from serve_app.errors import InvalidRequest, UnknownLanguage
from serve_app.insights.results import AnalysisType, GenerateType, Style
from serve_app.transcript.languages import language_code

STYLES: tuple[Style, ...] = get_args(Style)
ANALYSES: tuple[AnalysisType, ...] = get_args(AnalysisType)
GENERATED: tuple[GenerateType, ...] = get_args(GenerateType)

_STYLE_NAMES = [*STYLES, "bullets"]
_MODEL = "the id of a language model of GET /v1/models; the first one where it is absent"
_LANGUAGE = "the language of the answer as an ISO 639-1 code; that of the text where it is absent"

B = TypeVar("B", bound=Body)


class EmbedBody(Body):
    texts: list[str] | None = Field(None, description="a list of texts")
    text: str | None = Field(None, description="a text, in place of a list of one")

    def wanted(self) -> list[str]:
        """Return the texts; raises InvalidRequest where there are none."""
        texts = self.texts if self.texts is not None else [] if self.text is None else [self.text]
        if not texts:
            raise missing("texts", EmbedBody)
        return texts


class TranslateBody(Body):
    text: str | None = Field(None, description="a text")
    texts: list[str] | None = Field(None, description="a list of texts, in place of one")
    target: str | None = Field(None, description="the language to translate to, as an ISO 639-1 code")
    source: str = Field("en", description="the language of the texts, or auto")


class AnswerBody(Body):
    """What the routes that a language model answers have in common."""

    model: str | None = Field(None, description=_MODEL)
    language: str | None = Field(None, description=_LANGUAGE)
    stream: bool = Field(False, description="true for server-sent events while the answer is written")
    force: bool = Field(False, description="true to work out anew what is kept from before")

    def answer_language(self) -> str | None:
        """Return the language of the answer; raises UnknownLanguage."""
        if self.language is None or self.language.lower() == "auto":
            return None
        if (code := language_code(self.language)) is None:
            raise UnknownLanguage(
                f"There is no language {self.language[:40]!r}; see GET /v1/languages.", field="language"
            )
        return code


class SummarizeBody(AnswerBody):
    text: str | None = Field(None, description="a text")
    style: str = Field(
        "brief", description=f"one of {', '.join(STYLES)} (bullets too)", json_schema_extra={"enum": [*_STYLE_NAMES]}
    )

    def wanted_style(self) -> Style:
        asked = "bullet_points" if self.style == "bullets" else self.style
        return _choice("style", asked, STYLES)


class AnalyzeBody(AnswerBody):
    text: str | None = Field(None, description="a text")
    type: str | None = Field(None, description=f"one of {', '.join(ANALYSES)}", json_schema_extra={"enum": [*ANALYSES]})

    def wanted_type(self) -> AnalysisType:
        return _choice("type", self.type, ANALYSES)


class GenerateBody(AnswerBody):
    text: str | None = Field(None, description="a text")
    type: str | None = Field(
        None, description=f"one of {', '.join(GENERATED)}", json_schema_extra={"enum": [*GENERATED]}
    )
    prompt: str = Field("", description="a wish about style or content, at most 500 characters are heeded")

    def wanted_type(self) -> GenerateType:
        return _choice("type", self.type, GENERATED)


C = TypeVar("C", bound=str)


def _choice(name: str, value: str | None, accepted: tuple[C, ...]) -> C:
    found = next((each for each in accepted if each == value), None)
    return found if found is not None else refuse(name, value or "", accepted=accepted)


def missing(name: str, kind: type[Body]) -> InvalidRequest:
    """Return the fault of a body without a field that it needs."""
    accepted = kind.model_fields[name].description or ""
    return InvalidRequest(f"The field {name!r} is missing; it accepts {accepted}.", field=name, accepted=[accepted])


async def text_body(request: Request, kind: type[B]) -> B:
    """Return a request's body, which may carry long texts."""
    return await json_body(request, kind, max_bytes=services_of(request).text.limits.max_body_bytes)


def text_of(body: SummarizeBody | AnalyzeBody | GenerateBody, *, max_chars: int) -> str:
    """Return the text of a body; raises InvalidRequest when there is none, or too much of it."""
    if body.text is None:
        raise missing("text", type(body))
    check_length("text", len(body.text), max_chars=max_chars)
    return body.text


def check_length(name: str, n_chars: int, *, max_chars: int) -> None:
    if n_chars > max_chars:
        raise InvalidRequest(
            f"The field {name!r} has {n_chars} characters; at most {max_chars} are accepted.",
            field=name,
            limit=max_chars,
        )


def check_count(name: str, n_texts: int, *, max_texts: int) -> None:
    if n_texts > max_texts:
        raise InvalidRequest(
            f"The field {name!r} has {n_texts} texts; at most {max_texts} are accepted.", field=name, limit=max_texts
        )
