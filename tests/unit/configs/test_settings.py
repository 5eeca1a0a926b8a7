"""Typed settings: what is refused, what the environment adds, what the parts of the application get from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.settings import WHISPER_MODELS, AppSettings
from serve_app.pipeline.settings import PipelineSettings
from serve_app.pipeline.shedding import SheddingSettings
from serve_app.transcript.languages import LANGUAGES

MINIMAL: dict[str, Any] = {
    "profile": "mine",
    "recognizers": {"base": {"weights": "faster-whisper-base"}},
    "substitute": "base",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HARK_DATA_DIR", "HARK_OPERATOR_KEY"):
        monkeypatch.delenv(name, raising=False)


def settings(**fields: Any) -> AppSettings:
    return AppSettings.model_validate(MINIMAL | fields)


# What is refused


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"colour": "red"}, "colour"),
        ({"recognizers": {"base": {"weights": "w", "colour": "red"}}}, "colour"),
        ({"recognizers": {"base": {"weights": "w", "device": "cuda", "decoder": "onnxruntime"}}}, "for CPUs"),
        ({"recognizers": {"base": {"weights": "w", "device": "cuda", "pool_silence": True}}}, "for CPUs"),
        ({"recognizers": {"base": {"weights": "w", "decoder": "another"}}}, "decoder"),
        ({"api": {"colour": "red"}}, "colour"),
        ({"accounts": {"plans": {"free": {"colour": "red"}}}}, "colour"),
        ({"recognizers": {}}, "recognizers"),
        ({"recognizers": {"huge": {"weights": "w"}}, "substitute": "huge"}, "unknown models"),
        ({"substitute": "small"}, "substitute 'small' is not among the recognizers"),
        ({"recognizers": {"base": {"weights": "w", "max_batch": 0}}}, "max_batch"),
        ({"recognizers": {"base": {"weights": "w", "beam_size": 0}}}, "beam_size"),
        ({"pipeline": {"lanes_in_flight": 0}}, "lanes_in_flight"),
        ({"pipeline": {"lane_s": 5}}, "lane_s"),
        ({"api": {"request_deadline_s": 0}}, "request_deadline_s"),
        ({"diarizer": {}}, "weights"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        settings(**fields)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        settings().profile = "other"


# The environment


def test_the_operators_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings().api.operator_key is None
    monkeypatch.setenv("HARK_OPERATOR_KEY", "of-the-environment")

    assert settings().api.operator_key == "of-the-environment"
    kept = settings(api={"max_duration_s": 60.0, "operator_key": "of-the-file"}).api
    assert (kept.operator_key, kept.max_duration_s) == ("of-the-environment", 60.0)
    assert settings(api=None).api.operator_key == "of-the-environment"


def test_the_operators_key_is_in_no_printed_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARK_OPERATOR_KEY", "very-secret")

    assert "very-secret" not in repr(settings())
    assert "very-secret" not in str(settings())


def test_the_data_directory_comes_from_the_file_then_the_environment_then_the_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings().data_path() == Path("~/.local/share/hark").expanduser()
    monkeypatch.setenv("HARK_DATA_DIR", "/env")

    assert settings().data_path() == Path("/env")
    assert settings(data_dir="/file").data_path() == Path("/file")
    assert settings(data_dir=None).data_path() == Path("/env")


def test_settings_that_were_settings_before_are_taken_as_they_are() -> None:
    """Serve validates what it is given by the annotation of `build`, be it YAML or already typed."""
    made = settings(api={"max_duration_s": 60.0})

    assert AppSettings.model_validate(made) == made
    assert AppSettings.model_validate(made.model_dump()) == made


# What the parts get


def test_weights_lie_under_the_data_directory() -> None:
    made = settings(data_dir="/data", diarizer={"weights": "pyannote-community-1"})

    assert made.weights_path("faster-whisper-base") == Path("/data/weights/faster-whisper-base")
    assert made.weight_sets() == ["faster-whisper-base", "pyannote-community-1"]
    assert settings().weight_sets() == ["faster-whisper-base"]


def test_the_contracts_models_can_be_named_and_the_loaded_one_answers() -> None:
    catalogue = settings().catalogue()

    assert [entry.id for entry in catalogue.models] == ["large-v3-turbo", "large-v3", "medium", "small", "base"]
    assert [entry.id for entry in catalogue.models if entry.available] == ["base"]
    model, warning = catalogue.resolve("large-v3")
    assert model == "base"
    assert warning is not None
    assert catalogue.resolve("base") == ("base", None)


def test_a_strict_profile_substitutes_nothing_that_was_named() -> None:
    assert settings(strict_models=True).catalogue().strict


def test_an_english_model_has_one_language() -> None:
    tiny = settings(recognizers={"tiny.en": {"weights": "faster-whisper-tiny.en"}}, substitute="tiny.en").catalogue()

    languages = {entry.id: entry.languages for entry in tiny.models}
    assert languages["tiny.en"] == 1
    assert 95 <= languages["large-v3"] <= len(LANGUAGES)


def test_every_model_of_the_contract_has_a_name_for_people() -> None:
    assert {"large-v3-turbo", "large-v3", "medium", "small"} <= set(WHISPER_MODELS)


def test_the_pipeline_gets_its_bounds_and_keeps_its_measured_thresholds() -> None:
    made = settings(pipeline={"lanes_in_flight": 5, "diarizations_in_flight": 2, "lane_s": 60}).pipeline_settings()

    assert (made.lanes_in_flight, made.diarizations_in_flight, made.plan.lane_s) == (5, 2, 60.0)
    assert (made.review, made.speech, made.segments) == (
        PipelineSettings().review,
        PipelineSettings().speech,
        PipelineSettings().segments,
    )
    assert settings().pipeline_settings() == PipelineSettings()


def test_the_http_side_gets_its_limits() -> None:
    made = settings(
        data_dir="/data",
        api={
            "operator_key": "k",
            "max_file_bytes": 1000,
            "max_duration_s": 60.0,
            "request_deadline_s": 90.0,
            "trusted_proxies": ["10.0.0.0/8"],
        },
        accounts={"plans": {"anonymous": {"requests_per_day": 7}}, "retention_days": 2},
    ).api_settings(open_to="nobody")

    assert made.spool_dir == Path("/data/spool")
    assert (made.operator_key, made.max_file_bytes, made.max_duration_s) == ("k", 1000, 60.0)
    assert (made.request_deadline_s, made.trusted_proxies) == (90.0, ("10.0.0.0/8",))
    anonymous = made.plans.named("anonymous")
    assert (anonymous.requests_per_day, anonymous.concurrency, made.open_to) == (7, None, "nobody")
    assert made.plans.named("free").audio_s_per_month == 36_000
    assert made.retention_s == 2 * 86_400
    assert made.server_sends_request_id


def test_the_ingress_gets_its_bounds_of_waiting() -> None:
    shedding = settings(shedding={"longest_wait_s": 5, "always_admitted": 3}).shedding.shedding_settings()

    assert (shedding.longest_wait_s, shedding.always_admitted) == (5, 3)
    assert settings().shedding.shedding_settings() == SheddingSettings()


def test_a_card_cannot_be_shared_out_twice() -> None:
    with pytest.raises(ValidationError, match="gpu_memory_share"):
        settings(diarizer={"weights": "w", "gpu_memory_share": 1.5})
