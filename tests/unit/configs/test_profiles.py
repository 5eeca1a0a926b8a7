"""The profiles that ship: complete, consistent with the settings they carry, and within the hardware they name."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.load import PROFILES, app_settings, profile_names, read_profile
from configs.settings import AppSettings
from configs.weights import load_registry
from deployments.fitness import BOUND_S
from deployments.scaling import AudioBacklogPolicy, ScalingTarget

ROOT = Path(__file__).parents[3]
GPUS_AT_MOST = 4  # what the gpu profile says
CARD_BYTES = 24e9

# Of the decoders of Whisper: layers and width. A token's keys and values take 2 x 2 bytes of each.
DECODERS = {"large-v3-turbo": (4, 1280), "large-v3": (32, 1280), "medium": (24, 1024), "small": (12, 768)}

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HARK_DATA_DIR", "HARK_OPERATOR_KEY"):
        monkeypatch.delenv(name, raising=False)


def deployments(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {deployment["name"]: deployment for deployment in config["applications"][0]["deployments"]}


def replicas(deployment: dict[str, Any]) -> tuple[int, int]:
    """Return the least and the most."""
    scaling = deployment.get("autoscaling_config")
    if scaling is None:
        return deployment["num_replicas"], deployment["num_replicas"]
    return scaling["min_replicas"], scaling["max_replicas"]


def recognizers(config: dict[str, Any], settings: AppSettings) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return model, settings and deployment of each."""
    named = deployments(config)
    return [(model, recognizer, named[f"recognizer-{model}"]) for model, recognizer in settings.recognizers.items()]


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


# The gpu profile


def gpu_shares(*, at_most: bool) -> list[float]:
    """Return the GPU share of every replica there is."""
    shares: list[float] = []
    for deployment in deployments(read_profile("gpu")).values():
        share = deployment["ray_actor_options"].get("num_gpus", 0)
        shares += [share] * replicas(deployment)[at_most] if share else []
    return shares


def gpus_filled(shares: list[float]) -> int:
    """Return how many GPUs hold the shares, each on one card, largest first."""
    free: list[float] = []
    for share in sorted(shares, reverse=True):
        card = next((i for i, room in enumerate(free) if room >= share - 1e-9), None)
        if card is None:
            free.append(1.0 - share)
        else:
            free[card] -= share
    return len(free)


def test_the_gpu_profile_offers_the_contracts_models_in_float16() -> None:
    settings = app_settings(read_profile("gpu"))

    assert list(settings.recognizers) == ["large-v3-turbo", "large-v3", "medium", "small"]
    assert settings.substitute == "large-v3-turbo"
    assert {(r.device, r.compute_type) for r in settings.recognizers.values()} == {("cuda", "float16")}


def test_models_on_gpus_and_only_these_have_a_share_of_one() -> None:
    on_gpu = {
        name: deployment["ray_actor_options"].get("num_gpus", 0) > 0
        for name, deployment in deployments(read_profile("gpu")).items()
    }

    assert {name for name, has in on_gpu.items() if has} == {
        "recognizer-large-v3-turbo",
        "recognizer-large-v3",
        "recognizer-medium",
        "recognizer-small",
        "diarizer",
        "language-model-qwen2.5-1.5b-instruct",
    }


def test_the_language_model_takes_as_much_of_a_card_as_it_counts_for() -> None:
    config = read_profile("gpu")
    for name, options in app_settings(config).language_models.items():
        share = deployments(config)[f"language-model-{name}"]["ray_actor_options"]["num_gpus"]

        assert options.gpu_memory_share == share
        assert load_registry().get(options.weights).size_bytes < share * CARD_BYTES


def test_the_diarizer_keeps_to_the_share_of_a_card_that_it_counts_for() -> None:
    config = read_profile("gpu")
    diarizer = app_settings(config).diarizer

    assert diarizer is not None
    assert diarizer.gpu_memory_share == deployments(config)["diarizer"]["ray_actor_options"]["num_gpus"]


def test_what_always_runs_fits_on_one_gpu_and_the_most_on_four() -> None:
    assert gpus_filled(gpu_shares(at_most=False)) == 1
    assert gpus_filled(gpu_shares(at_most=True)) == GPUS_AT_MOST


def test_one_gpu_holds_what_always_runs_beside_any_other_model() -> None:
    named = deployments(read_profile("gpu")).values()
    at_times = [d["ray_actor_options"].get("num_gpus", 0) for d in named if replicas(d)[0] == 0]

    assert sum(gpu_shares(at_most=False)) + max(at_times) <= 1.0 + 1e-9


def test_the_sums_that_the_gpu_profile_states_are_right() -> None:
    named = deployments(read_profile("gpu")).values()
    text = (PROFILES / "gpu.yaml").read_text()
    cpus = [sum(replicas(d)[i] * d["ray_actor_options"]["num_cpus"] for d in named) for i in (0, 1)]

    assert f"takes {sum(gpu_shares(at_most=False)):.1f} of one" in text
    one_of_each = sum(d["ray_actor_options"].get("num_gpus", 0) for d in named)
    assert f"everything takes {one_of_each:.1f};" in text
    assert f"at their maximum {sum(gpu_shares(at_most=True)):.1f}, which fit on {GPUS_AT_MOST}" in text
    assert f"CPUs: {cpus[0]:.1f} at rest, {cpus[1]:.1f} at most" in text


def test_a_full_batch_of_every_model_fits_its_share_of_a_card() -> None:
    config = read_profile("gpu")
    for model, recognizer, deployment in recognizers(config, app_settings(config)):
        layers, width = DECODERS[model]
        token_bytes = layers * width * 4
        windows = recognizer.max_batch
        # Attention to the encoder's 1500 frames once a window, to up to 448 tokens in every beam.
        caches = windows * 1500 * token_bytes + windows * recognizer.beam_size * 448 * token_bytes
        weights = load_registry().get(recognizer.weights).size_bytes
        context = 0.6e9  # CUDA's own, and the activations of one window

        assert weights + caches + context <= deployment["ray_actor_options"]["num_gpus"] * CARD_BYTES


def test_rarely_used_models_give_their_gpu_back() -> None:
    named = deployments(read_profile("gpu"))
    idle = {name for name, deployment in named.items() if replicas(deployment)[0] == 0}

    assert idle == {"recognizer-large-v3", "recognizer-medium", "recognizer-small"}
    for name in idle:
        scaling = named[name]["autoscaling_config"]
        assert scaling["downscale_to_zero_delay_s"] > scaling["downscale_delay_s"]
        assert scaling["initial_replicas"] == 0


def test_the_gpu_diarizer_has_the_weights_that_run_on_a_gpu() -> None:
    """ONNX weights run on the CPU whatever the device is; the hub's checkpoints run in torch."""
    diarizer = app_settings(read_profile("gpu")).diarizer

    assert diarizer is not None
    assert diarizer.device == "cuda"
    paths = {file.path for file in load_registry().get(diarizer.weights).files}
    assert "segmentation/pytorch_model.bin" in paths
