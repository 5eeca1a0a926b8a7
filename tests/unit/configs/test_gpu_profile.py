"""The gpu profile: which cards its models share, and that the shares are true."""

from __future__ import annotations

import pytest
from shipped import deployments, recognizers, replicas

from configs.load import PROFILES, app_settings, read_profile
from configs.weights import load_registry

GPUS_AT_MOST = 4  # what the gpu profile says
CARD_BYTES = 24e9

# Of the decoders of Whisper: layers and width. A token's keys and values take 2 x 2 bytes of each.
DECODERS = {"large-v3-turbo": (4, 1280), "large-v3": (32, 1280), "medium": (24, 1024), "small": (12, 768)}

pytestmark = pytest.mark.usefixtures("clean_environment")


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
