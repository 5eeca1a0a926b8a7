"""Whisper's encoder as an ONNX graph that hears any frames at any positions (Radford et al. 2022, section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

_OPSET, _IR_VERSION = 20, 10
_RUNTIME = "com.microsoft"  # onnxruntime's own operators

Tensors = Mapping[str, npt.NDArray[Any]]


def encoder_graph(tensors: Tensors, *, n_heads: int) -> onnx.ModelProto:
    """Return a model from `features` to `states`, of the encoder's tensors by CTranslate2's names.

    `features` are (1, n_mels, n_frames); the frames that come out of the convolutions, half as many, are taken in the
    order of `frames` (n,) and stand at `positions` (n,), up to 1,499. `attention_bias` (1, 1, n, n) is added to the
    attention scores. `states` are (1, n, n_dims).
    """
    return _Graph(tensors).encoder(n_heads)


class _Graph:
    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def encoder(self, n_heads: int) -> onnx.ModelProto:
        from onnx import TensorProto, helper

        x = self._convolve("features", "conv1", stride=1)
        x = self._convolve(x, "conv2", stride=2)
        x = self._add("Gather", [self._add("Transpose", [x], perm=[0, 2, 1]), "frames"], axis=1)
        places = self._constant("position_encodings/encodings")
        x = self._add("Add", [x, self._add("Gather", [places, "positions"], axis=0)])
        n_layers = len(
            {name.split("/")[0] for name in self._tensors if name.startswith("layer_") and name[6].isdigit()}
        )
        for i in range(n_layers):
            x = self._layer(x, f"layer_{i}", n_heads)
        self._add("Identity", [self._normalize(x, "layer_norm")], outputs=["states"])
        n_mels = self._tensors["conv1/weight"].shape[1]
        inputs = [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, n_mels, None]),
            helper.make_tensor_value_info("frames", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("positions", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("attention_bias", TensorProto.FLOAT, [1, 1, None, None]),
        ]
        outputs = [helper.make_tensor_value_info("states", TensorProto.FLOAT, None)]
        graph = helper.make_graph(self._nodes, "whisper-encoder", inputs, outputs, self._constants)
        domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_RUNTIME, 1)]
        return helper.make_model(graph, opset_imports=domains, ir_version=_IR_VERSION)

    def _layer(self, x: str, layer: str, n_heads: int) -> str:
        heard = self._normalize(x, f"{layer}/self_attention/layer_norm")
        projected = self._linear(heard, f"{layer}/self_attention/linear_0")
        parts = [f"{layer}/{part}" for part in ("queries", "keys", "values")]
        self._add("Split", [projected], outputs=parts, axis=2, num_outputs=3)
        mixed = self._add("MultiHeadAttention", [*parts, "", "", "attention_bias"], domain=_RUNTIME, num_heads=n_heads)
        x = self._add("Add", [x, self._linear(mixed, f"{layer}/self_attention/linear_1")])
        inner = self._linear(self._normalize(x, f"{layer}/ffn/layer_norm"), f"{layer}/ffn/linear_0")
        return self._add("Add", [x, self._linear(self._gelu(inner), f"{layer}/ffn/linear_1")])

    def _convolve(self, x: str, name: str, *, stride: int) -> str:
        kernel, bias = self._constant(f"{name}/weight"), self._constant(f"{name}/bias")
        return self._gelu(self._add("Conv", [x, kernel, bias], pads=[1, 1], strides=[stride]))

    def _gelu(self, x: str) -> str:
        return self._add("Gelu", [x], domain=_RUNTIME)

    def _normalize(self, x: str, name: str) -> str:
        inputs = [x, self._constant(f"{name}/gamma"), self._constant(f"{name}/beta")]
        return self._add("LayerNormalization", inputs, axis=-1)

    def _linear(self, x: str, name: str) -> str:
        product = self._add("MatMul", [x, self._constant(f"{name}/weight", transposed=True)])
        return self._add("Add", [product, self._constant(f"{name}/bias")])

    def _constant(self, name: str, *, transposed: bool = False) -> str:
        from onnx import numpy_helper

        values = self._tensors[name]
        if not np.issubdtype(values.dtype, np.floating):
            raise ValueError(f"{name} is stored as {values.dtype}, not as floating-point numbers")
        exact = np.ascontiguousarray((values.T if transposed else values).astype(np.float32))
        self._constants.append(numpy_helper.from_array(exact, name))
        return name

    def _add(
        self,
        operator: str,
        inputs: list[str],
        *,
        outputs: Sequence[str] = (),
        **attributes: Any,
    ) -> str:
        from onnx import helper

        names = outputs or [f"{operator}-{len(self._nodes)}"]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names[0]
