"""all-MiniLM-L6-v2's network as an ONNX graph.

BERT's layers (J. Devlin et al., NAACL 2019), six of them, in float32: quantized weights cost accuracy, and with
onnxruntime's own attention the graph is faster without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deployments.engines.onnx_graph import RUNTIME, GraphBuilder, Tensors

if TYPE_CHECKING:
    import onnx

_HEADS, _NORM_EPSILON = 12, 1e-12


def minilm_graph(tensors: Tensors) -> onnx.ModelProto:
    """Return a model from `tokens` (n_texts, n_tokens) to `states` (n_texts, n_tokens, 384), of the published tensors.

    `mask` (n_texts, n_tokens) int32 is 1 where there is a token and 0 where there is padding.
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder({_ours(name): values for name, values in tensors.items()})
    x = _normalize(graph, _embed(graph), "embeddings")
    for i in range(graph.n_layers()):
        x = _layer(graph, x, f"layer_{i}")
    graph.add("Identity", [x], outputs=["states"])
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [None, None]),
        helper.make_tensor_value_info("mask", TensorProto.INT32, [None, None]),
    ]
    outputs = [helper.make_tensor_value_info("states", TensorProto.FLOAT, None)]
    return graph.model("minilm", inputs=inputs, outputs=outputs)


def _ours(name: str) -> str:
    """Return the builder's name of a published tensor."""
    name = name.removeprefix("encoder.").replace("layer.", "layer_").replace(".", "/")
    return name.replace("LayerNorm/weight", "LayerNorm/gamma").replace("LayerNorm/bias", "LayerNorm/beta")


def _embed(graph: GraphBuilder) -> str:
    """Add up what each token is and where it stands; all are of the first kind of sentence."""
    words = graph.add("Gather", [graph.tensor("embeddings/word_embeddings/weight"), "tokens"])
    places = graph.tensors["embeddings/position_embeddings/weight"]
    kind = graph.tensors["embeddings/token_type_embeddings/weight"][0]
    zero = graph.constant("zero", np.array([0]))
    n_tokens = graph.add("Shape", ["tokens"], start=1)
    return graph.add("Add", [words, graph.add("Slice", [graph.constant("places", places + kind), zero, n_tokens])])


def _layer(graph: GraphBuilder, x: str, layer: str) -> str:
    parts = [graph.dense(x, f"{layer}/attention/self/{part}") for part in ("query", "key", "value")]
    heard = graph.add("MultiHeadAttention", [*parts, "", "mask"], domain=RUNTIME, num_heads=_HEADS)
    heard = graph.dense(heard, f"{layer}/attention/output/dense")
    x = _normalize(graph, graph.add("Add", [x, heard]), f"{layer}/attention/output")
    inner = graph.gelu(graph.dense(x, f"{layer}/intermediate/dense"))
    return _normalize(graph, graph.add("Add", [x, graph.dense(inner, f"{layer}/output/dense")]), f"{layer}/output")


def _normalize(graph: GraphBuilder, x: str, block: str) -> str:
    return graph.normalize(x, f"{block}/LayerNorm", epsilon=_NORM_EPSILON)
