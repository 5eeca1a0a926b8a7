"""The two networks of the pipeline behind one small interface, whichever library runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from deployments.engines.onnx_session import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from deployments.engines.diarization.features import Features

SEGMENTATION_FILE = "segmentation-3.0.onnx"
EMBEDDING_FILE = "wespeaker-resnet34-lm.onnx"
TRUNK_HOP_FRAMES = 8  # the trunk gives one vector per 8 feature frames (80 ms)
TRUNK_CONTEXT_FRAMES = 120  # its receptive field reaches 112 feature frames to either side


class VoiceModels(Protocol):
    """Segmentation and speaker embedding, without pooling: that is shared by all libraries."""

    windows_at_once: int
    trunk_frames_at_once: int

    @property
    def projection(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return weight (n_dims, 2 * n_channels) and bias (n_dims,) that turn mean and deviation into an embedding."""

    def segment(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return (n_windows, n_frames, 7) scores of (n_windows, n_samples) audio: one class per set of speakers."""

    def trunk(self, features: Features) -> npt.NDArray[np.float32]:
        """Return (n_channels, ceil(n_frames / 8)) activations before pooling."""


class OnnxVoiceModels:
    """Both networks in onnxruntime: the fastest of what was tried on a CPU, and no torch in the process.

    The embedding network runs in 8-bit integers where the CPU is made for it: a third of the time, and embeddings whose
    cosine similarity to the exact ones is 0.99.
    """

    windows_at_once = 4  # larger batches were not faster and take more memory
    trunk_frames_at_once = 100  # 8 s of audio, ~0.1 s of work: how often a cancellation is seen

    def __init__(self, *, weights_dir: Path, threads: int, integers: bool | None = None) -> None:
        import onnx
        from onnx import numpy_helper

        from deployments.engines.cpu import has_vnni
        from deployments.engines.diarization import int8

        self._segmentation = open_session(weights_dir / SEGMENTATION_FILE, threads=threads)
        embedding = onnx.load(weights_dir / EMBEDDING_FILE)
        weights = {
            tensor.name: numpy_helper.to_array(tensor)
            for tensor in embedding.graph.initializer
            if tensor.name in {"model.seg_1.weight", "model.seg_1.bias", "mean_vec"}
        }
        self.projection = (
            np.array(weights["model.seg_1.weight"], dtype=np.float32),
            np.array(weights["model.seg_1.bias"] - weights["mean_vec"], dtype=np.float32),
        )
        pooled = next(node for node in embedding.graph.node if node.op_type == "ReduceMean").input[0]
        cut = onnx.utils.Extractor(embedding).extract_model([embedding.graph.input[0].name], [pooled])
        if has_vnni() if integers is None else integers:
            cut = int8.quantized(cut, int8.measured_ranges())
        self._trunk = open_session(cut.SerializeToString(), threads=threads)

    def segment(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.asarray(self._segmentation.run(None, {"input": windows[:, None]})[0])

    def trunk(self, features: Features) -> npt.NDArray[np.float32]:
        name = self._trunk.get_inputs()[0].name
        activations: npt.NDArray[np.float32] = self._trunk.run(None, {name: features[None]})[0]
        return activations.reshape(-1, activations.shape[-1])


class TorchVoiceModels:
    """Both networks in torch, from a folder as the hub's pyannote/speaker-diarization-community-1: for GPUs."""

    windows_at_once = 64
    trunk_frames_at_once = 750

    def __init__(self, *, weights_dir: Path, device: str) -> None:
        import torch
        from pyannote.audio import Model

        def network(name: str) -> Any:
            loaded = Model.from_pretrained(weights_dir / name)
            if loaded is None:
                raise FileNotFoundError(f"{weights_dir / name} holds no model")
            return loaded.eval().to(device)

        self._torch = torch
        self._device = torch.device(device)
        self._segmentation = network("segmentation")
        self._resnet = network("embedding").resnet
        layer = self._resnet.seg_1
        self.projection = (
            layer.weight.detach().float().cpu().numpy(),
            layer.bias.detach().float().cpu().numpy(),
        )

    def segment(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with self._torch.inference_mode():
            scores = self._segmentation(self._torch.from_numpy(windows)[:, None].to(self._device))
        return np.asarray(scores.float().cpu().numpy())

    def trunk(self, features: Features) -> npt.NDArray[np.float32]:
        with self._torch.inference_mode():
            activations = self._resnet.forward_frames(self._torch.from_numpy(features)[None].to(self._device))
        return np.asarray(activations.flatten(0, -2).float().cpu().numpy())
