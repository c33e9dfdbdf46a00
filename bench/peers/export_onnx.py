# SPDX-License-Identifier: Apache-2.0
"""Writes a DistilBERT checkpoint as an ONNX graph, tensor by tensor, without PyTorch.

The graph maps ids (1, tokens) int64 to logits (1, labels) float32. It uses the operators that an
export of the transformers class yields; ONNX Runtime and OpenVINO fuse them when they load the
graph. It has no attention mask: a single text has no padding, so a mask would only be work for the
peers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from checkpoint import Checkpoint

OPSET = 20  # Gelu exists since opset 20, LayerNormalization since 17.
IR_VERSION = 10
EPSILON = 1e-12


class _Graph:
    """The nodes and constants of a graph. Every method adds some and returns the name of its
    result.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def parameter(self, name: str) -> str:
        return self.constant(name, self.checkpoint.tensor(name))

    def node(self, op: str, name: str, inputs: list[str], **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def linear(self, name: str, x: str) -> str:
        weight = self.constant(f"{name}.weight", self.checkpoint.tensor(f"{name}.weight").T)
        product = self.node("MatMul", f"{name}.matmul", [x, weight])
        return self.node("Add", f"{name}.out", [product, self.parameter(f"{name}.bias")])

    def layer_norm(self, name: str, x: str) -> str:
        scale, bias = self.parameter(f"{name}.weight"), self.parameter(f"{name}.bias")
        return self.node(
            "LayerNormalization", f"{name}.out", [x, scale, bias], axis=-1, epsilon=EPSILON
        )


def _embeddings(graph: _Graph) -> str:
    words = graph.parameter("embeddings.word_embeddings.weight")
    positions = graph.parameter("embeddings.position_embeddings.weight")
    word = graph.node("Gather", "embeddings.word", [words, "ids"], axis=0)
    length = graph.node("Shape", "embeddings.length", ["ids"], start=1, end=2)
    zero = graph.constant("embeddings.zero", np.array([0], np.int64))
    position = graph.node("Slice", "embeddings.position", [positions, zero, length, zero])
    total = graph.node("Add", "embeddings.sum", [word, position])
    return graph.layer_norm("embeddings.LayerNorm", total)


def _attention(graph: _Graph, layer: str, x: str) -> str:
    shape = graph.checkpoint.shape
    split = graph.constant(
        f"{layer}.split", np.array([1, -1, shape.n_heads, shape.head_size], np.int64)
    )
    heads = {}
    for part, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        flat = graph.linear(f"{layer}.{part}_lin", x)
        shaped = graph.node("Reshape", f"{layer}.{part}_split", [flat, split])
        heads[part] = graph.node("Transpose", f"{layer}.{part}_heads", [shaped], perm=perm)
    root = graph.constant(f"{layer}.root", np.array(np.sqrt(shape.head_size), np.float32))
    query = graph.node("Div", f"{layer}.q_scaled", [heads["q"], root])
    scores = graph.node("MatMul", f"{layer}.scores", [query, heads["k"]])
    weights = graph.node("Softmax", f"{layer}.weights", [scores], axis=-1)
    context = graph.node("MatMul", f"{layer}.context", [weights, heads["v"]])
    swapped = graph.node("Transpose", f"{layer}.swapped", [context], perm=[0, 2, 1, 3])
    merge = graph.constant(f"{layer}.merge", np.array([1, -1, shape.dim], np.int64))
    return graph.node("Reshape", f"{layer}.merged", [swapped, merge])


def _layer(graph: _Graph, index: int, x: str) -> str:
    layer = f"transformer.layer.{index}"
    context = _attention(graph, f"{layer}.attention", x)
    projected = graph.linear(f"{layer}.attention.out_lin", context)
    residual = graph.node("Add", f"{layer}.attention.residual", [projected, x])
    x = graph.layer_norm(f"{layer}.sa_layer_norm", residual)
    inner = graph.linear(f"{layer}.ffn.lin1", x)
    active = graph.node("Gelu", f"{layer}.ffn.gelu", [inner])
    outer = graph.linear(f"{layer}.ffn.lin2", active)
    residual = graph.node("Add", f"{layer}.ffn.residual", [outer, x])
    return graph.layer_norm(f"{layer}.output_layer_norm", residual)


def _head(graph: _Graph, x: str) -> None:
    first = graph.constant("head.first", np.array(0, np.int64))
    pooled = graph.node("Gather", "head.pooled", [x, first], axis=1)
    hidden = graph.node("Relu", "head.relu", [graph.linear("pre_classifier", pooled)])
    graph.node("Identity", "logits", [graph.linear("classifier", hidden)])


def export(folder: Path, target: Path) -> None:
    graph = _Graph(Checkpoint(folder))
    x = _embeddings(graph)
    for index in range(graph.checkpoint.shape.n_layers):
        x = _layer(graph, index, x)
    _head(graph, x)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "distilbert",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "tokens"])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "labels"])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.save(model, target)
