"""Which model answers."""

from __future__ import annotations

import pytest

from serve_app.admission.catalogue import ModelCatalogue, ModelEntry
from serve_app.errors import UnknownModel

MODELS = (
    ModelEntry(id="base", name="Whisper base"),
    ModelEntry(id="large-v3-turbo", name="Whisper large-v3-turbo", available=False),
)
CATALOGUE = ModelCatalogue(models=MODELS, substitute="base")
STRICT = ModelCatalogue(models=MODELS, substitute="base", strict=True)


@pytest.mark.parametrize("name", ["base", "whisper-1"])
@pytest.mark.parametrize("catalogue", [CATALOGUE, STRICT])
def test_a_loaded_model_or_an_alias_answers_without_a_warning(catalogue: ModelCatalogue, name: str) -> None:
    assert catalogue.resolve(name) == ("base", None)


def test_a_known_model_that_is_not_loaded_is_substituted_with_a_warning() -> None:
    served, warning = CATALOGUE.resolve("large-v3-turbo")
    assert served == "base"
    assert warning is not None
    assert warning.code == "model_substituted"
    assert "large-v3-turbo" in warning.message
    assert "base" in warning.message


def test_a_strict_catalogue_refuses_what_is_not_loaded_and_does_not_offer_it() -> None:
    with pytest.raises(UnknownModel) as refusal:
        STRICT.resolve("large-v3-turbo")
    assert refusal.value.details == {"field": "model", "accepted": ["base", "whisper-1"]}


@pytest.mark.parametrize("catalogue", [CATALOGUE, STRICT])
def test_a_name_nobody_knows_is_always_refused_with_the_list(catalogue: ModelCatalogue) -> None:
    with pytest.raises(UnknownModel, match=r"'gpt-9'.*base"):
        catalogue.resolve("gpt-9")


@pytest.mark.parametrize("catalogue", [CATALOGUE, STRICT])
def test_the_default_that_nobody_named_is_substituted_even_when_strict(catalogue: ModelCatalogue) -> None:
    served, warning = catalogue.resolve(None)
    assert served == "base"
    assert warning is not None


def test_a_substitute_that_is_not_loaded_is_a_mistake_in_the_profile() -> None:
    with pytest.raises(ValueError, match="large-v3-turbo"):
        ModelCatalogue(models=MODELS, substitute="large-v3-turbo")
