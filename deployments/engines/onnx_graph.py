"""Building transformer graphs in ONNX from a model's tensors, for onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

_OPSET, _IR_VERSION = 20, 10
RUNTIME = "com.microsoft"  # onnxruntime's own operators

Tensors = Mapping[str, npt.NDArray[Any]]


class GraphBuilder:
    """Collects the nodes of one graph over tensors that are known by name. Every method returns its output's name."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def model(
        self, name: str, *, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """Return what was collected as a model."""
        from onnx import helper

        graph = helper.make_graph(self._nodes, name, inputs, outputs, list(self._constants.values()))
        domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(RUNTIME, 1)]
        return helper.make_model(graph, opset_imports=domains, ir_version=_IR_VERSION)

    def add(self, operator: str, inputs: Sequence[str], *, outputs: Sequence[str] = (), **attributes: Any) -> str:
        """Add a node; with several outputs the first one's name comes back."""
        from onnx import helper

        names = outputs or [f"{operator}-{len(self._nodes)}"]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names[0]

    def tensor(self, name: str) -> str:
        """Add a tensor of the model as it is stored; raises ValueError unless it holds floating-point numbers."""
        return self.constant(name, self._stored(name).astype(np.float32))

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Add values; the same name twice is one constant."""
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def gelu(self, x: str) -> str:
        """Add the activation function."""
        return self.add("Gelu", [x], domain=RUNTIME)

    def normalize(self, x: str, name: str, *, epsilon: float = 1e-5) -> str:
        """Add a layer normalization."""
        parameters = [self.tensor(f"{name}/gamma"), self.tensor(f"{name}/beta")]
        return self.add("LayerNormalization", [x, *parameters], axis=-1, epsilon=epsilon)

    def dense(self, x: str, name: str) -> str:
        """Add a linear layer in float32."""
        transposed = self.constant(f"{name}/transposed", self._stored(f"{name}/weight").astype(np.float32).T)
        return self.add("Add", [self.add("MatMul", [x, transposed]), self.tensor(f"{name}/bias")])

    def linear(self, x: str, name: str) -> str:
        """Add a linear layer in 8-bit integers.

        Weights are scaled by their output, activations by the largest value of their token, for the first token has
        some a hundred times as large as others have (Xiao et al. 2023, on attention sinks). Both are unsigned: without
        instructions for integer dot products, sums of unsigned with signed products are cut off at 16 bits.
        """
        weight = self._stored(f"{name}/weight").astype(np.float32)
        scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127
        integers = (np.round(weight / scale[:, None]) + 128).astype(np.uint8).T
        largest = self.add("ReduceMax", [self.add("Abs", [x]), self.constant("last_axis", np.array([-1]))], keepdims=1)
        largest = self.add("Max", [largest, self.constant("tiny", np.array(1e-12, dtype=np.float32))])
        parameters = [
            self.constant(f"{name}/integers", integers),
            self.constant(f"{name}/scale", scale),
            self.constant(f"{name}/zero", np.full(len(scale), 128, dtype=np.uint8)),
        ]
        product = self.add("DynamicQuantizeMatMul", [self.add("Div", [x, largest]), *parameters], domain=RUNTIME)
        product = self.add("Mul", [product, largest])
        return self.add("Add", [product, self.tensor(f"{name}/bias")]) if f"{name}/bias" in self.tensors else product

    def n_layers(self) -> int:
        """Return how many layers the tensors are of."""
        return len({name.split("/")[0] for name in self.tensors if name.startswith("layer_") and name[6].isdigit()})

    def _stored(self, name: str) -> npt.NDArray[Any]:
        values = self.tensors[name]
        if not np.issubdtype(values.dtype, np.floating):
            raise ValueError(f"{name} is stored as {values.dtype}, not as floating-point numbers")
        return values
