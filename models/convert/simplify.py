"""Step 2: the published ONNX file as a float network of plain convolutions.

In this order: block-quantised weights (`DequantizeLinear`, ONNX operator set 21) become float; the embedder's
closing `Gemm` becomes a 7x7 convolution, because a quantised FULLY_CONNECTED of version 12 does not load in
tflite-runtime 2.14; batch normalisation is folded into the neighbouring convolution; the input scaling at the head is
cut off and done by the host (`preprocessing` in the manifest).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from models.convert.sources import SOURCES

Weights = dict[str, npt.NDArray[Any]]
BATCH_NORM_INPUTS = 5


@dataclass(slots=True)
class Network:
    """An ONNX graph taken apart: nodes in order of execution, constants by name."""

    model: onnx.ModelProto
    nodes: list[onnx.NodeProto]
    weights: Weights

    @classmethod
    def load(cls, path: Path) -> Network:
        """Read ``path``; constants become numpy arrays."""
        model = onnx.load(path)
        weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        return cls(model, list(model.graph.node), weights)

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        """The node that computes ``tensor``; None for an input."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        """The nodes that read ``tensor``."""
        return [node for node in self.nodes if tensor in node.input]

    def bypass(self, node: onnx.NodeProto) -> None:
        """Remove ``node``; who read its output reads its first input."""
        source, target = node.input[0], node.output[0]
        self.nodes.remove(node)
        producer = self.producer(source)
        if producer is not None and not self.consumers(source):
            producer.output[0] = target
            return
        for reader in self.consumers(target):
            for index, name in enumerate(reader.input):
                if name == target:
                    reader.input[index] = source

    def save(self, path: Path) -> None:
        """Write the network as it is now; the graph's inputs lose their fixed height and width."""
        graph = self.model.graph
        used = {name for node in self.nodes for name in node.input}
        inputs = [item for item in graph.input if item.name not in self.weights and item.name in used]
        for item in inputs:
            for axis, dim in enumerate(item.type.tensor_type.shape.dim):
                if axis > 1:
                    dim.dim_param = f"size_{axis}"
        outputs = [helper.make_tensor_value_info(item.name, onnx.TensorProto.FLOAT, None) for item in graph.output]
        constants = [numpy_helper.from_array(value, name) for name, value in self.weights.items() if name in used]
        plain = helper.make_graph(self.nodes, graph.name, inputs, outputs, constants)
        onnx.save(helper.make_model(plain, opset_imports=self.model.opset_import, ir_version=10), path)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The node's attributes as plain Python values."""
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def dequantise(network: Network) -> None:
    """Replace every `DequantizeLinear` (and the constant `Reshape` behind it) by the float weights it stands for."""
    for node in list(network.nodes):
        if node.op_type == "DequantizeLinear":
            network.weights[node.output[0]] = block_dequantised(network, node)
            network.nodes.remove(node)
        elif node.op_type == "Reshape" and node.input[0] in network.weights:
            shape = network.weights[node.input[1]]
            network.weights[node.output[0]] = network.weights[node.input[0]].reshape(shape)
            network.nodes.remove(node)


def block_dequantised(network: Network, node: onnx.NodeProto) -> npt.NDArray[np.float32]:
    """(q - zero point) * scale, one scale for each run of `block_size` values along `axis`."""
    quantised, scale, zero = (network.weights[name] for name in node.input)
    options = attributes(node)
    axis, block = options["axis"], options["block_size"]
    length = quantised.shape[axis]
    scale, zero = (np.repeat(value, block, axis=axis).take(range(length), axis=axis) for value in (scale, zero))
    return ((quantised.astype(np.float32) - zero.astype(np.float32)) * scale).astype(np.float32)


def drop_identities(network: Network) -> None:
    """`Dropout` does nothing at inference."""
    for node in [node for node in network.nodes if node.op_type == "Dropout"]:
        network.bypass(node)
    network.nodes[:] = [node for node in network.nodes if node.op_type != "Constant"]


def gemm_to_convolution(network: Network, height: int = 7, width: int = 7) -> None:
    """`Flatten` + `Gemm` over a 7x7 map is a 7x7 convolution without padding."""
    for node in [node for node in network.nodes if node.op_type == "Gemm"]:
        flatten = network.producer(node.input[0])
        if flatten is None or flatten.op_type != "Flatten" or attributes(node).get("transB") != 1:
            raise SystemExit(f"Gemm {node.output[0]}: expected Flatten before it and transB=1")
        weight = network.weights[node.input[1]]
        network.weights[node.input[1]] = weight.reshape(len(weight), -1, height, width)
        kernel = {"kernel_shape": [height, width], "pads": [0] * 4, "strides": [1, 1], "dilations": [1, 1], "group": 1}
        index = network.nodes.index(node)
        network.nodes[index] = helper.make_node(
            "Conv", [flatten.input[0], *node.input[1:]], list(node.output), **kernel
        )
        network.nodes.remove(flatten)


def fold_batch_norm(network: Network) -> None:
    """y = a x + b of a batch normalisation moves into the convolution before it or, where there is none, after it."""
    for node in [node for node in network.nodes if node.op_type == "BatchNormalization"]:
        gain, offset = batch_norm_line(network, node)
        before = network.producer(node.input[0])
        if before is not None and before.op_type == "Conv":
            weight, bias = convolution_weights(network, before)
            replace_weights(network, before, weight * gain[:, None, None, None], bias * gain + offset)
        else:
            (after,) = network.consumers(node.output[0])
            if after.op_type != "Conv" or any(attributes(after)["pads"]):
                raise SystemExit(f"BatchNormalization {node.output[0]}: no convolution without padding to fold it into")
            weight, bias = convolution_weights(network, after)
            bias = bias + np.einsum("oihw,i->o", weight.astype(np.float64), offset)
            replace_weights(network, after, weight * gain[None, :, None, None], bias)
        network.bypass(node)


def batch_norm_line(network: Network, node: onnx.NodeProto) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gain a and offset b of the normalisation, each (channels,)."""
    gamma, beta, mean, variance = (network.weights[name].astype(np.float64) for name in node.input[1:BATCH_NORM_INPUTS])
    gain = gamma / np.sqrt(variance + attributes(node)["epsilon"])
    return gain, beta - mean * gain


def convolution_weights(network: Network, node: onnx.NodeProto) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Kernel (out, in, height, width) and bias (out,), zeros where the node has none."""
    weight = network.weights[node.input[1]]
    bias = network.weights[node.input[2]] if len(node.input) > 2 else np.zeros(len(weight), np.float32)
    return weight, bias


def replace_weights(network: Network, node: onnx.NodeProto, weight: npt.NDArray[Any], bias: npt.NDArray[Any]) -> None:
    """Give the convolution new weights under names of its own."""
    names = [f"{node.output[0]}/kernel", f"{node.output[0]}/bias"]
    network.weights[names[0]], network.weights[names[1]] = weight.astype(np.float32), bias.astype(np.float32)
    node.input[:] = [node.input[0], *names]


def cut_input_scaling(network: Network) -> None:
    """Remove (x - 127.5) * 0.0078125 at the head; the host does it, as the manifest says."""
    for node, constant in [(node, 127.5 if node.op_type == "Sub" else 0.0078125) for node in list(network.nodes)]:
        if node.op_type not in ("Sub", "Mul"):
            continue
        found = network.weights[node.input[1]]
        if not np.all(found == constant):
            raise SystemExit(f"{node.op_type} {node.output[0]}: expected the constant {constant}, found {found}")
        for reader in network.consumers(node.output[0]):
            reader.input[0] = node.input[0]
        network.nodes.remove(node)


def main() -> None:
    """Write `work/<role>_float.onnx` for both networks."""
    for source in SOURCES:
        network = Network.load(source.original)
        for step in (dequantise, drop_identities, gemm_to_convolution, fold_batch_norm, cut_input_scaling):
            step(network)
        network.save(source.plain)
        print(f"simplified {source.plain.name}  operators: {', '.join(sorted({n.op_type for n in network.nodes}))}")


if __name__ == "__main__":
    main()
