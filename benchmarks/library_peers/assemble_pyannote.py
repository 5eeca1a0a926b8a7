"""Turn the diarization weights (ONNX and NumPy files) into a checkpoint folder that stock pyannote.audio loads.

The networks are pyannote's own classes: PyanNet (Bredin 2023, powerset segmentation 3.0) and WeSpeaker's ResNet34
(Wang et al. 2023). Only the parameters are carried over, so the pipeline built on them is the stock one.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SEGMENTATION, EMBEDDING = "segmentation-3.0.onnx", "wespeaker-resnet34-lm.onnx"
PLDA = ("plda.npz", "xvec_transform.npz")

_SAMPLE_RATE_HZ = 16_000
_SINC_TAPS = 251
_SINC_MIN_HZ = 50  # the layer adds this to both of its parameters
_SINC_TOLERANCE = 1e-3
_BATCH_NORM_EPSILON = 1e-5

# community-1's published hyper-parameters.
_PIPELINE_CONFIG = """\
dependencies:
  pyannote.audio: 4.0.0
pipeline:
  name: pyannote.audio.pipelines.SpeakerDiarization
  params:
    clustering: VBxClustering
    segmentation: $model/segmentation
    segmentation_batch_size: 32
    embedding: $model/embedding
    embedding_batch_size: 32
    embedding_exclude_overlap: true
    plda: $model/plda
params:
  clustering:
    threshold: 0.6
    Fa: 0.07
    Fb: 0.8
  segmentation:
    min_duration_off: 0.0
"""

Arrays = Mapping[str, npt.NDArray[np.float32]]


def pipeline_folder(weights: Path, under: Path) -> Path:
    """Return a folder for `Pipeline.from_pretrained`, assembled once for these weights; needs torchaudio importable."""
    digest = hashlib.sha256()
    for name in (SEGMENTATION, EMBEDDING, *PLDA):
        digest.update((weights / name).read_bytes())
    folder = under / f"stock-pyannote-{digest.hexdigest()[:12]}"
    if not folder.is_dir():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        _assemble(weights, unfinished)
        unfinished.rename(folder)
    return folder


def _assemble(weights: Path, folder: Path) -> None:
    (folder / "plda").mkdir(parents=True)
    for name in PLDA:
        shutil.copy(weights / name, folder / "plda" / name)
    _save_checkpoint(_segmentation_network(weights / SEGMENTATION), folder / "segmentation")
    _save_checkpoint(_embedding_network(weights / EMBEDDING), folder / "embedding")
    (folder / "config.yaml").write_text(_PIPELINE_CONFIG)


def _save_checkpoint(network: Any, folder: Path) -> None:
    import pyannote.audio
    import torch

    folder.mkdir()
    kind = type(network)
    torch.save(
        {
            "state_dict": network.state_dict(),
            "hyper_parameters": dict(network.hparams),
            "pytorch-lightning_version": "2.6.0",
            "epoch": 0,
            "global_step": 0,
            "pyannote.audio": {
                "versions": {"torch": str(torch.__version__), "pyannote.audio": pyannote.audio.__version__},
                "architecture": {"module": kind.__module__, "class": kind.__name__},
                "specifications": network.specifications,
            },
        },
        folder / "pytorch_model.bin",
    )


def _graph_and_arrays(path: Path) -> tuple[Any, Arrays]:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    return graph, {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}


def _segmentation_network(path: Path) -> Any:
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.segmentation import PyanNet

    graph, arrays = _graph_and_arrays(path)
    nodes = {kind: [node for node in graph.node if node.op_type == kind] for kind in ("LSTM", "MatMul", "Add")}
    network: Any = PyanNet(
        lstm={"hidden_size": 128, "num_layers": 4, "bidirectional": True, "monolithic": True, "dropout": 0.5},
        linear={"hidden_size": 128, "num_layers": 2},
    )
    network.specifications = Specifications(
        problem=Problem.MONO_LABEL_CLASSIFICATION,
        resolution=Resolution.FRAME,
        duration=10.0,
        min_duration=None,
        warm_up=(0.0, 0.0),
        classes=["speaker#1", "speaker#2", "speaker#3"],
        powerset_max_classes=2,
        permutation_invariant=True,
    )
    network.build()
    state = network.state_dict()
    updates: dict[str, npt.NDArray[Any]] = {name: value for name, value in arrays.items() if name in state}

    first_norm = next(node for node in graph.node if node.op_type == "InstanceNormalization")
    updates["sincnet.wav_norm1d.weight"] = arrays[first_norm.input[1]]
    updates["sincnet.wav_norm1d.bias"] = arrays[first_norm.input[2]]
    bank = next(value for value in arrays.values() if value.shape[1:] == (1, _SINC_TAPS))
    low_hz, high_hz = fit_sinc_edges(bank[:, 0])
    updates["sincnet.conv1d.0.filterbank.low_hz_"] = low_hz[:, None] - _SINC_MIN_HZ
    updates["sincnet.conv1d.0.filterbank.band_hz_"] = (high_hz - low_hz)[:, None] - _SINC_MIN_HZ

    for layer, node in enumerate(nodes["LSTM"]):
        updates |= _lstm_layer(layer, *(arrays[node.input[index]] for index in (1, 2, 3)))
    for name, node in zip(("linear.0", "linear.1", "classifier"), nodes["MatMul"], strict=True):
        addition = next(other for other in nodes["Add"] if node.output[0] in other.input)
        updates[f"{name}.weight"] = arrays[node.input[1]].T
        updates[f"{name}.bias"] = next(arrays[name] for name in addition.input if name in arrays)
    return _loaded(network, state, updates)


def _lstm_layer(
    layer: int, inputs: npt.NDArray[Any], recurrent: npt.NDArray[Any], biases: npt.NDArray[Any]
) -> dict[str, npt.NDArray[Any]]:
    """Rename one bidirectional layer. ONNX orders its gates input, output, forget, cell; torch i, f, c, o."""

    def reordered(gates: npt.NDArray[Any]) -> npt.NDArray[Any]:
        i, o, f, c = np.split(gates, 4)
        return np.concatenate([i, f, c, o])

    named = {}
    for direction, suffix in enumerate(("", "_reverse")):
        bias_in, bias_hidden = np.split(biases[direction], 2)
        named[f"lstm.weight_ih_l{layer}{suffix}"] = reordered(inputs[direction])
        named[f"lstm.weight_hh_l{layer}{suffix}"] = reordered(recurrent[direction])
        named[f"lstm.bias_ih_l{layer}{suffix}"] = reordered(bias_in)
        named[f"lstm.bias_hh_l{layer}{suffix}"] = reordered(bias_hidden)
    return named


def _embedding_network(path: Path) -> Any:
    from pyannote.audio.core.task import Problem, Resolution, Specifications
    from pyannote.audio.models.embedding.wespeaker import WeSpeakerResNet34

    _, arrays = _graph_and_arrays(path)
    network = WeSpeakerResNet34()
    network.specifications = Specifications(
        problem=Problem.REPRESENTATION,
        resolution=Resolution.CHUNK,
        duration=5.0,
        min_duration=None,
        warm_up=(0.0, 0.0),
        classes=None,
        powerset_max_classes=None,
        permutation_invariant=False,
    )
    state = network.state_dict()
    # The exporter folded each batch norm into its convolution and numbered kernels (n) and biases (n + 1) in the
    # order of the module tree, where a block's shortcut comes after its convolutions, as in the state dict.
    kernels = sorted(int(name) for name, value in arrays.items() if name.isdigit() and value.ndim == 4)
    convolutions = [name.removesuffix(".weight") for name, value in state.items() if value.ndim == 4]
    updates: dict[str, npt.NDArray[Any]] = {}
    for kernel, name in zip(kernels, convolutions, strict=True):
        norm = name.replace("shortcut.0", "shortcut.1") if "shortcut" in name else name.replace("conv", "bn")
        bias = arrays[str(kernel + 1)]
        updates[f"{name}.weight"] = arrays[str(kernel)]
        updates[f"{norm}.weight"], updates[f"{norm}.bias"] = np.ones_like(bias), bias
        updates[f"{norm}.running_mean"] = np.zeros_like(bias)
        updates[f"{norm}.running_var"] = np.full_like(bias, 1 - _BATCH_NORM_EPSILON)
    updates["resnet.seg_1.weight"] = arrays["model.seg_1.weight"]
    updates["resnet.seg_1.bias"] = arrays["model.seg_1.bias"] - arrays["mean_vec"]
    return _loaded(network, state, updates)


def _loaded(network: Any, state: dict[str, Any], updates: Mapping[str, npt.NDArray[Any]]) -> Any:
    import torch

    for name, value in updates.items():
        if tuple(state[name].shape) != value.shape:
            raise ValueError(f"{name} has shape {value.shape}, expected {tuple(state[name].shape)}")
        state[name] = torch.tensor(np.ascontiguousarray(value), dtype=torch.float32)
    network.load_state_dict(state)
    return network.eval()


def fit_sinc_edges(bank: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the (n,) lower and upper band edges in Hz of (2n, taps) SincNet filters, cosine ones first.

    The exporter froze the filters, whereas the layer computes them from their edges (Ravanelli & Bengio 2018): the
    edges are found again by least squares, starting where the spectrum falls to half of its peak.
    """
    edges: list[Sequence[float]] = []
    half = bank.shape[0] // 2
    for cosine, sine in zip(bank[:half], bank[half:], strict=True):
        edges.append(_edges_of(np.concatenate([cosine, sine]).astype(np.float64)))
    low_hz, high_hz = np.array(edges).T
    return low_hz, high_hz


def sinc_pair(low_hz: float, high_hz: float, taps: int = _SINC_TAPS) -> npt.NDArray[np.float64]:
    """Return a (2 * taps,) cosine and sine band-pass filter, Hamming-windowed and scaled by the band's width."""
    half, band_hz = taps // 2, high_hz - low_hz
    times = 2 * np.pi * np.arange(-half, 0.0) / _SAMPLE_RATE_HZ
    shape = np.hamming(taps)[:half] / (times / 2) / (2 * band_hz)
    cosine = (np.sin(high_hz * times) - np.sin(low_hz * times)) * shape
    sine = (np.cos(low_hz * times) - np.cos(high_hz * times)) * shape
    return np.concatenate([cosine, [1.0], cosine[::-1], sine, [0.0], -sine[::-1]])


def _edges_of(pair: npt.NDArray[np.float64]) -> Sequence[float]:
    from scipy.optimize import least_squares

    spectrum = np.abs(np.fft.rfft(pair[: pair.size // 2], 8192))
    passed_hz = np.flatnonzero(spectrum > spectrum.max() / 2) * _SAMPLE_RATE_HZ / 8192
    low_hz, high_hz = float(passed_hz[0]), float(passed_hz[-1])
    # A band narrower than the window's resolution looks wider than it is: try narrower starts too.
    for narrowing in (1.0, 0.6, 0.3, 0.15):
        middle_hz, width_hz = (low_hz + high_hz) / 2, (high_hz - low_hz) * narrowing
        start = (max(middle_hz - width_hz / 2, _SINC_MIN_HZ), middle_hz + width_hz / 2)
        fit = least_squares(lambda edges: sinc_pair(edges[0], edges[1], pair.size // 2) - pair, start, x_scale=10.0)
        if np.abs(fit.fun).max() < _SINC_TOLERANCE:
            return float(fit.x[0]), float(fit.x[1])
    raise ValueError(f"the filter around {low_hz:.0f}-{high_hz:.0f} Hz is not a SincNet band-pass")
