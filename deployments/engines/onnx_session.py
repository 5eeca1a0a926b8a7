"""Networks in onnxruntime, as all engines run them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime


def open_session(model: bytes | Path, *, threads: int = 1, device: str = "cpu") -> onnxruntime.InferenceSession:
    """Return a session over an ONNX model or a file with one; on a GPU where `device` is `cuda` and there is one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Waiting threads that spin take the cores of the other models.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [*(["CUDAExecutionProvider"] if device == "cuda" else []), "CPUExecutionProvider"]
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=providers)
