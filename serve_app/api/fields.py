"""Typed values out of a form. A bad value is refused with its field's name and what would be accepted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import NoReturn

from serve_app.errors import InvalidRequest, UnknownLanguage
from serve_app.transcript.languages import LANGUAGES, language_code

_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})
_BOOLS = ("true", "false", "1", "0", "yes", "no", "on", "off")


class Fields:
    """The values of a form by field name. A field that is absent or blank has its default.

    Where a client repeats a field that has one value, the last one counts.
    """

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        """Return the stripped value, None when absent or blank."""
        values = self._values.get(name)
        return (values[-1].strip() or None) if values else None

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        refuse(name, value, accepted=_BOOLS)

    def choice(self, name: str, *, accepted: Sequence[str], default: str) -> str:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in accepted:
            return value.lower()
        refuse(name, value, accepted=accepted)

    def integer(self, name: str, *, default: int | None, at_least: int, at_most: int) -> int | None:
        value = self.text(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            number = at_least - 1
        if not at_least <= number <= at_most:
            refuse(name, value, accepted=[f"an integer from {at_least} to {at_most}"])
        return number

    def number(self, name: str, *, default: float, at_least: float, at_most: float) -> float:
        value = self.text(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not at_least <= number <= at_most:  # NaN is nowhere in between
            refuse(name, value, accepted=[f"a number from {at_least:g} to {at_most:g}"])
        return number

    def strings(self, name: str) -> tuple[str, ...]:
        """Return the values of a list: repeated `name` or `name[]` fields, a JSON array, or a comma-separated value."""
        values = [*self._values.get(name, ()), *self._values.get(f"{name}[]", ())]
        return tuple(dict.fromkeys(item for value in values for item in _split(value)))

    def choices(self, name: str, *, accepted: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        values = self.strings(name)
        for value in values:
            if value not in accepted:
                refuse(f"{name}[]", value, accepted=accepted)
        return values or tuple(default)

    def language(self, name: str = "language") -> str | None:
        """Return a language's code; None to detect it."""
        value = self.text(name)
        return None if value is None or value.lower() == "auto" else _code(name, value)

    def languages(self, name: str) -> tuple[str, ...]:
        return tuple(_code(name, value) for value in self.strings(name))


def refuse(name: str, value: str, *, accepted: Sequence[str]) -> NoReturn:
    """Raise the 400 for a known field with a bad value."""
    choices = ", ".join(accepted)
    message = f"The field {name!r} cannot be {_shown(value)}; accepted: {choices}."
    raise InvalidRequest(message, field=name, accepted=list(accepted))


def _code(name: str, value: str) -> str:
    code = language_code(value)
    if code is None:
        raise UnknownLanguage(
            f"The field {name!r} cannot be {_shown(value)}; accepted: auto or a code from GET /v1/languages, e.g. en.",
            field=name,
            accepted=["auto", *LANGUAGES],
        )
    return code


def _split(value: str) -> list[str]:
    if value.lstrip().startswith("["):
        try:
            items = json.loads(value)
        except ValueError:
            items = None
        if isinstance(items, list):
            return [str(item).strip() for item in items if str(item).strip()]
    return [item.strip() for item in value.split(",") if item.strip()]


def _shown(value: str) -> str:
    return repr(value if len(value) <= 64 else value[:64] + "…")
