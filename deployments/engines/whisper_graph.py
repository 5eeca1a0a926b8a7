"""Whisper's networks as ONNX graphs (Radford et al. 2022, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from deployments.engines.onnx_graph import RUNTIME, GraphBuilder, Tensors

if TYPE_CHECKING:
    import onnx


def encoder_graph(tensors: Tensors, *, n_heads: int) -> onnx.ModelProto:
    """Return a model from `features` to `states`, of the encoder's tensors by CTranslate2's names.

    `features` are (1, n_mels, n_frames); the frames that come out of the convolutions, half as many, are taken in the
    order of `frames` (n,) and stand at `positions` (n,), up to 1,499. `attention_bias` (1, 1, n, n) is added to the
    attention scores. `states` are (1, n, n_dims).
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder(tensors)
    x = _convolve(graph, "features", "conv1", stride=1)
    x = _convolve(graph, x, "conv2", stride=2)
    x = graph.add("Gather", [graph.add("Transpose", [x], perm=[0, 2, 1]), "frames"], axis=1)
    places = graph.tensor("position_encodings/encodings")
    x = graph.add("Add", [x, graph.add("Gather", [places, "positions"], axis=0)])
    for i in range(graph.n_layers()):
        x = _encoder_layer(graph, x, f"layer_{i}", n_heads)
    graph.add("Identity", [graph.normalize(x, "layer_norm")], outputs=["states"])
    inputs = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, tensors["conv1/weight"].shape[1], None]),
        helper.make_tensor_value_info("frames", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("positions", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("attention_bias", TensorProto.FLOAT, [1, 1, None, None]),
    ]
    outputs = [helper.make_tensor_value_info("states", TensorProto.FLOAT, None)]
    return graph.model("whisper-encoder", inputs=inputs, outputs=outputs)


def memory_graph(tensors: Tensors, *, n_heads: int) -> onnx.ModelProto:
    """Return a model from the encoder's `states` (1, n, n_dims) to what every layer of the decoder attends to:
    `heard_keys_i` (1, n_heads, n, n_dims / n_heads), and `heard_values_i` with the last two axes exchanged.
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder(tensors)
    n_dims = tensors["embeddings/weight"].shape[1]
    split = graph.constant("split", np.array([0, 0, n_heads, n_dims // n_heads], dtype=np.int64))
    names = []
    for i in range(graph.n_layers()):
        projected = graph.linear("states", f"layer_{i}/attention/linear_1")
        parts = [f"layer_{i}/{part}" for part in ("keys", "values")]
        graph.add("Split", [projected], outputs=parts, axis=2, num_outputs=2)
        for part, axes in (("keys", [0, 2, 1, 3]), ("values", [0, 2, 3, 1])):
            by_head = graph.add("Reshape", [f"layer_{i}/{part}", split])
            names.append(graph.add("Transpose", [by_head], outputs=[f"heard_{part}_{i}"], perm=axes))
    inputs = [helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, None, n_dims])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    return graph.model("whisper-memory", inputs=inputs, outputs=outputs)


def decoder_graph(tensors: Tensors, *, n_heads: int, alignment_heads: Sequence[tuple[int, int]]) -> onnx.ModelProto:
    """Return a model that takes hypotheses about one window some tokens further.

    `tokens` (n_rows, n_new) stand at `positions` (n_new,) of the hypotheses whose earlier keys and values are the rows
    `order` (n_rows,) of `past_keys_i` and `past_values_i` (n_before_rows, n_heads, n_past, n_dims / n_heads); with
    n_past = 0 nothing came before, otherwise n_new is 1. `logits` (n_rows, n_wanted, n_tokens) are those behind the
    new tokens `wanted` (n_wanted,); `keys_i` and `values_i` are the past of the next call. `attention` (1,
    n_alignment_heads, n_rows * n_new, n_states) are the scores of the states for those (layer, head), before softmax.
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder(tensors)
    words = graph.constant("embeddings", tensors["embeddings/weight"])
    x = graph.add("Cast", [graph.add("Gather", [words, "tokens"])], to=TensorProto.FLOAT)
    x = graph.add("Add", [x, graph.add("Gather", [graph.tensor("position_encodings/encodings"), "positions"])])
    layers = range(graph.n_layers())
    for i in layers:
        x = _decoder_layer(graph, x, i, n_heads)
    x = graph.add("Gather", [graph.normalize(x, "layer_norm"), "wanted"], axis=1)
    followed = [
        graph.add("Gather", [f"attention_{layer}", graph.constant(f"head_{head}", np.array([head]))], axis=1)
        for layer, head in alignment_heads
    ]
    graph.add("Concat", followed, outputs=["attention"], axis=1)
    graph.add("Identity", [graph.linear(x, "embeddings")], outputs=["logits"])
    past = [f"{prefix}_{part}_{i}" for i in layers for prefix in ("past", "heard") for part in ("keys", "values")]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, [None, None]),
        *(helper.make_tensor_value_info(name, TensorProto.INT64, [None]) for name in ("positions", "order", "wanted")),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, n_heads, None, None]) for name in past),
    ]
    names = ["logits", "attention", *(f"{part}_{i}" for i in layers for part in ("keys", "values"))]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    return graph.model("whisper-decoder", inputs=inputs, outputs=outputs)


def _encoder_layer(graph: GraphBuilder, x: str, layer: str, n_heads: int) -> str:
    parts = _project(graph, x, f"{layer}/self_attention")
    mixed = graph.add("MultiHeadAttention", [*parts, "", "", "attention_bias"], domain=RUNTIME, num_heads=n_heads)
    x = graph.add("Add", [x, graph.linear(mixed, f"{layer}/self_attention/linear_1")])
    return _feed_forward(graph, x, f"{layer}/ffn")


def _decoder_layer(graph: GraphBuilder, x: str, i: int, n_heads: int) -> str:
    layer = f"layer_{i}"
    parts = _project(graph, x, f"{layer}/self_attention")
    past = [graph.add("Gather", [f"past_{part}_{i}", "order"], axis=0) for part in ("keys", "values")]
    mixed = graph.add(
        "MultiHeadAttention",
        [*parts, "", "", "", *past],
        outputs=[f"{layer}/said", f"keys_{i}", f"values_{i}"],
        domain=RUNTIME,
        num_heads=n_heads,
        unidirectional=1,
    )
    x = graph.add("Add", [x, graph.linear(mixed, f"{layer}/self_attention/linear_1")])
    asked = graph.linear(graph.normalize(x, f"{layer}/attention/layer_norm"), f"{layer}/attention/linear_0")
    heard = _hear(graph, asked, i, n_heads)
    x = graph.add("Add", [x, graph.linear(heard, f"{layer}/attention/linear_2")])
    return _feed_forward(graph, x, f"{layer}/ffn")


def _project(graph: GraphBuilder, x: str, block: str) -> list[str]:
    """Return queries, keys and values of attention to itself."""
    projected = graph.linear(graph.normalize(x, f"{block}/layer_norm"), f"{block}/linear_0")
    parts = [f"{block}/{part}" for part in ("queries", "keys", "values")]
    graph.add("Split", [projected], outputs=parts, axis=2, num_outputs=3)
    return parts


def _feed_forward(graph: GraphBuilder, x: str, block: str) -> str:
    inner = graph.linear(graph.normalize(x, f"{block}/layer_norm"), f"{block}/linear_0")
    return graph.add("Add", [x, graph.linear(graph.gelu(inner), f"{block}/linear_1")])


def _hear(graph: GraphBuilder, asked: str, i: int, n_heads: int) -> str:
    """Attend to the window. All rows hear the same one, so all their tokens are the queries of one attention.

    The long matrices stand to the left of the products: onnxruntime copies the right ones into an order of its own.
    """
    n_dims = int(graph.tensors["embeddings/weight"].shape[1])
    n_head_dims = n_dims // n_heads
    scaled = graph.add("Mul", [asked, graph.constant("attention_scale", np.array(n_head_dims**-0.5, dtype=np.float32))])
    by_head = graph.add("Reshape", [scaled, graph.constant("by_head", np.array([1, -1, n_heads, n_head_dims]))])
    queries = graph.add("Transpose", [by_head], perm=[0, 2, 3, 1])
    product = graph.add("MatMul", [f"heard_keys_{i}", queries])
    scores = graph.add("Transpose", [product], outputs=[f"attention_{i}"], perm=[0, 1, 3, 2])
    weights = graph.add("Softmax", [scores], axis=-1)
    mixed = graph.add("MatMul", [f"heard_values_{i}", graph.add("Transpose", [weights], perm=[0, 1, 3, 2])])
    return graph.add("Reshape", [graph.add("Transpose", [mixed], perm=[0, 3, 1, 2]), graph.add("Shape", [asked])])


def _convolve(graph: GraphBuilder, x: str, name: str, *, stride: int) -> str:
    parameters = [graph.tensor(f"{name}/weight"), graph.tensor(f"{name}/bias")]
    return graph.gelu(graph.add("Conv", [x, *parameters], pads=[1, 1], strides=[stride]))
