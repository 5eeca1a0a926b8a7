"""Prompts: text files beside this module, each with its version in the first line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template

from serve_app.insights.source import tidy


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A template whose `$names` are filled in. The version changes with the words."""

    name: str
    version: int
    template: str

    def fill(self, **values: str) -> str:
        """Return the prompt; raises KeyError for a name that is not given. Values are not looked at for names."""
        return Template(self.template).substitute(values).strip()


def quoted(text: str, longest: int) -> str:
    """Return somebody's words as a task may quote them: on one line, without quotation marks and markup."""
    return tidy(text)[:longest].replace('"', "'").replace("<", "‹")


@cache
def prompt(name: str) -> Prompt:
    """Read a prompt. Its file begins with a line `version: <number>`."""
    first, _, template = files(__package__).joinpath("prompts", f"{name}.txt").read_text("utf-8").partition("\n")
    label, _, number = first.partition(":")
    if label != "version":
        raise ValueError(f"The prompt {name} does not begin with its version.")
    return Prompt(name=name, version=int(number), template=template)


def prompt_names() -> list[str]:
    """Return the names of all prompts."""
    found = (file.name for file in files(__package__).joinpath("prompts").iterdir())
    return sorted(name.removesuffix(".txt") for name in found if name.endswith(".txt"))


@cache
def fingerprint() -> str:
    """Return a name for all prompts as they are: results that were made with others are out of date."""
    versions = ",".join(f"{name}={prompt(name).version}" for name in prompt_names())
    return sha256(versions.encode()).hexdigest()[:12]
