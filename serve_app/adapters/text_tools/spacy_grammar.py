"""Sentences that state something, by the parser of spaCy's small English model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from serve_app.adapters.text_tools.spacy_entities import MODEL

if TYPE_CHECKING:
    from spacy.tokens import Token

_NOT_FOR_GRAMMAR = ["ner", "lemmatizer"]
_LONGEST = 2_000  # characters of a text that are read
_PERSONAL = frozenset({"VBD", "VBP", "VBZ", "MD"})  # Penn Treebank tags of verbs that have a subject
_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl"})
_AUXILIARIES = frozenset({"aux", "auxpass"})


class SpacyGrammar:
    """Implements ports.Grammar for English. One call at a time: the model is not made for threads."""

    languages = frozenset({"en"})

    def __init__(self, model: str = MODEL) -> None:
        import spacy

        self._nlp = spacy.load(model, exclude=_NOT_FOR_GRAMMAR)
        self._lock = threading.Lock()

    def are_statements(self, texts: Sequence[str]) -> list[bool]:
        with self._lock:
            documents = list(self._nlp.pipe(text[:_LONGEST] for text in texts))
        return [any(map(_states, (token for token in each if token.dep_ == "ROOT"))) for each in documents]


def _states(root: Token) -> bool:
    """Tell whether the word that a sentence hangs on is a verb with a subject, or tells somebody to do something."""
    if root.pos_ not in {"VERB", "AUX"}:
        return False
    has_subject = any(child.dep_ in _SUBJECTS for child in root.children)
    auxiliaries = [child for child in root.children if child.dep_ in _AUXILIARIES and child.tag_ != "VBG"]
    return root.tag_ == "VB" or bool(auxiliaries) or (has_subject and root.tag_ in _PERSONAL)
