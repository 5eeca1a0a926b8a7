"""Classic language tools behind the ports of `ports.text_tools`. None of them touches the network."""

from __future__ import annotations

from serve_app.ports.text_tools import TextTools


def load_text_tools() -> TextTools:
    """Load all of them: two seconds and 200 MB."""
    from serve_app.adapters.text_tools.presidio_pii import PresidioPii
    from serve_app.adapters.text_tools.spacy_entities import SpacyEntities
    from serve_app.adapters.text_tools.spacy_grammar import SpacyGrammar
    from serve_app.adapters.text_tools.vader import VaderSentiment

    entities = SpacyEntities()
    return TextTools(pii=PresidioPii(entities), entities=entities, sentiment=VaderSentiment(), grammar=SpacyGrammar())
