# SPDX-License-Identifier: Apache-2.0
"""Writes a checkpoint as an ONNX graph for batches, quantised by ONNX Runtime.

    export_batched.py CHECKPOINT TARGET

The graph is that of bench/peers/export_onnx.py with two changes: ids are (batch, tokens), and a
second input, mask (batch, tokens) float32, is added to the scores of attention: 0 for a token and a
large negative number for padding. Weights are quantised per channel, as in bench/peers.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

sys.path.insert(0, str(Path(__file__).parent.parent / "peers"))
import export_onnx  # noqa: E402


def make_batched(model: onnx.ModelProto) -> None:
    graph = model.graph
    for value, name in ((graph.input[0], "tokens"), (graph.output[0], "labels")):
        del value.type.tensor_type.shape.dim[:]
        for dimension in ("batch", name):
            value.type.tensor_type.shape.dim.add().dim_param = dimension
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["batch", "tokens"])
    graph.input.append(mask)
    for constant in graph.initializer:
        if constant.name.endswith((".split", ".merge")):
            shape = numpy_helper.to_array(constant).copy()
            shape[0] = 0  # Reshape takes 0 for the size that its input has
            constant.CopyFrom(numpy_helper.from_array(shape, constant.name))
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "mask.axes")
    graph.initializer.append(axes)
    nodes = [helper.make_node("Unsqueeze", ["mask", "mask.axes"], ["mask.heads"])]
    for node in graph.node:
        if node.op_type == "Softmax":
            masked = node.input[0] + ".masked"
            nodes.append(helper.make_node("Add", [node.input[0], "mask.heads"], [masked]))
            node.input[0] = masked
        nodes.append(node)
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(nodes)


def main() -> None:
    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as place:
        plain = Path(place) / "plain.onnx"
        export_onnx.export(folder, plain)
        model = onnx.load(plain)
        make_batched(model)
        onnx.save(model, plain)
        quantize_dynamic(plain, target, per_channel=True, weight_type=QuantType.QInt8)


if __name__ == "__main__":
    main()
