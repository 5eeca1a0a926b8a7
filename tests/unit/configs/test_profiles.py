"""The profiles that ship: complete, consistent with the settings they carry, and within the hardware they name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import ValidationError
from shipped import deployments, recognizers, replicas

from configs.load import PROFILES, app_settings, profile_names, read_profile
from configs.weights import load_registry
from deployments.fitness import BOUND_S
from deployments.scaling import AudioBacklogPolicy, ScalingTarget

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.usefixtures("clean_environment")


# Every profile


def test_there_are_profiles_for_cpus_and_for_gpus() -> None:
    assert {"embedded", "gpu"} <= set(profile_names())


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_has_settings_of_its_name(name: str) -> None:
    assert app_settings(read_profile(name)).profile == name


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_configures_exactly_the_deployments_of_its_settings(name: str) -> None:
    config = read_profile(name)
    settings = app_settings(config)
    expected = {"ingress", "transcription", "media", "voice-detector", "job-worker"}
    expected |= {f"recognizer-{model}" for model in settings.recognizers}
    expected |= {"diarizer"} if settings.diarizer else set()
    expected |= {f"language-model-{model}" for model in settings.language_models}
    expected |= {"embedder"} if settings.embedder else set()
    expected |= {"translator-opus-mt"} if settings.translation and settings.translation.opus_mt else set()
    expected |= {"translator-madlad"} if settings.translation and settings.translation.madlad else set()

    assert set(deployments(config)) == expected
    assert len(config["applications"][0]["deployments"]) == len(expected)


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_loads_the_weights_that_the_registry_lists_for_it(name: str) -> None:
    settings = app_settings(read_profile(name))

    assert settings.weight_sets() == [weight_set.name for weight_set in load_registry().for_profile(name)]


@pytest.mark.parametrize("name", profile_names())
def test_requests_and_sessions_end_by_themselves_before_serve_cuts_them(name: str) -> None:
    config = read_profile(name)
    settings = app_settings(config)
    cut_s = config["http_options"]["request_timeout_s"]

    assert settings.api.request_deadline_s < cut_s
    assert settings.realtime.longest_s + 60 <= cut_s  # what was heard last is still told


@pytest.mark.parametrize("name", profile_names())
def test_every_number_of_scaling_stands_in_the_profile(name: str) -> None:
    for deployment in deployments(read_profile(name)).values():
        assert ("num_replicas" in deployment) != ("autoscaling_config" in deployment)
        assert {"max_ongoing_requests", "max_queued_requests", "ray_actor_options"} <= set(deployment)
        assert deployment["max_queued_requests"] > 0  # never without bound
        low, high = replicas(deployment)
        assert 0 <= low <= high
        assert high >= 1


@pytest.mark.parametrize("name", profile_names())
def test_replicas_take_more_calls_than_a_batch_so_that_urgent_ones_can_overtake(name: str) -> None:
    config = read_profile(name)
    for _, recognizer, deployment in recognizers(config, app_settings(config)):
        assert 2 * recognizer.max_batch <= deployment["max_ongoing_requests"] <= recognizer.max_waiting


@pytest.mark.parametrize("name", profile_names())
def test_what_takes_audio_is_scaled_by_the_audio_that_waits(name: str) -> None:
    for deployment in deployments(read_profile(name)).values():
        if deployment["name"].startswith(("recognizer", "diarizer")):
            scaling = deployment["autoscaling_config"]
            assert scaling["policy"]["policy_function"] == f"{AudioBacklogPolicy.__module__}:AudioBacklogPolicy"
            assert set(scaling["policy"]["policy_kwargs"]) == {field.name for field in fields(ScalingTarget)}
            AudioBacklogPolicy(**scaling["policy"]["policy_kwargs"])
            assert scaling["metrics_interval_s"] < scaling["look_back_period_s"] < scaling["downscale_delay_s"]


@pytest.mark.parametrize("name", profile_names())
def test_a_health_check_outlasts_a_batch(name: str) -> None:
    for deployment in deployments(read_profile(name)).values():
        if deployment["name"].startswith(("recognizer", "diarizer")):
            assert deployment["health_check_timeout_s"] >= 60
            assert deployment["health_check_timeout_s"] > BOUND_S  # the engine's answer comes first


@pytest.mark.parametrize("name", profile_names())
def test_only_this_machine_is_listened_to(name: str) -> None:
    assert read_profile(name)["http_options"]["host"] == "127.0.0.1"


@pytest.mark.parametrize("name", profile_names())
def test_the_access_log_of_the_proxy_is_off(name: str) -> None:
    assert read_profile(name)["logging_config"]["enable_access_log"] is False


@pytest.mark.parametrize("name", profile_names())
@pytest.mark.parametrize("place", [(), ("diarizer",), ("pipeline",), ("recognizers", None)])
def test_an_unknown_setting_is_refused(name: str, place: tuple[str | None, ...]) -> None:
    config = read_profile(name)
    args = config["applications"][0]["args"]
    for step in place:
        args = args[step or next(iter(args))]
    args["colour"] = "red"

    with pytest.raises(ValidationError, match="colour"):
        app_settings(config)


def test_a_profile_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(FileNotFoundError, match=r"'quantum'.*embedded.*gpu"):
        read_profile("quantum")


def test_a_profile_may_be_a_file_of_the_operator(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text((PROFILES / "embedded.yaml").read_text().replace("port: 8000", "port: 9000"))

    assert read_profile(str(own))["http_options"]["port"] == 9000


# The embedded profile


def test_the_serve_config_in_the_root_is_the_embedded_profile() -> None:
    assert (ROOT / "serve_config.yaml").read_bytes() == (PROFILES / "embedded.yaml").read_bytes()


def test_the_embedded_profile_asks_for_no_gpu_and_fits_two_cores() -> None:
    config = read_profile("embedded")
    named = {deployment["name"]: deployment for app in config["applications"] for deployment in app["deployments"]}
    cpus = sum(replicas(d)[1] * d["ray_actor_options"]["num_cpus"] for d in named.values())

    assert all("num_gpus" not in deployment["ray_actor_options"] for deployment in named.values())
    assert cpus < 2.0
    assert {recognizer.device for _, recognizer, _ in recognizers(config, app_settings(config))} == {"cpu"}
