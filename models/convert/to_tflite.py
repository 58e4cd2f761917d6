"""Step 3: the simplified ONNX networks as TensorFlow operators, converted with dynamic-range int8 weights.

The embedder becomes two files, stem and trunk, and a third: the stem for chip photos, if one was taught.

TensorFlow keeps channels last, ONNX second; kernels and tensors are turned accordingly. Every weight is a constant of
the graph and every shape is fixed, so the result has no variables and no dynamic dimension.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import onnx
import tensorflow as tf

from models.convert.float_depthwise import with_float_depthwise
from models.convert.simplify import Network, attributes, convolution_weights
from models.convert.sources import (
    CHIP_WEIGHTS,
    DETECTOR,
    DETECTOR_WEIGHTS,
    EMBEDDING,
    STEM_ANSWER,
    STEM_CONVOLUTIONS,
    STEM_WEIGHTS,
    TAUGHT,
    TRUNK_WEIGHTS,
    WEIGHTS,
    float_tflite,
)

DETECTOR_SIZE = 320
FACE_SIZE = 112
# YuNet's three feature maps (strides 8, 16, 32) where its heads begin; the heads in the order of the output's columns.
HEAD_INPUTS = ("256", "246", "236")
HEADS = ("cls", "obj", "bbox", "kps")
HEAD_CHANNELS = 16


def convolution(network: Network, node: onnx.NodeProto, value: tf.Tensor) -> tf.Tensor:
    """One `Conv`, plain or depthwise."""
    options = attributes(node)
    weight, bias = convolution_weights(network, node)
    return convolve(value, weight, bias, options["group"], options["strides"], options["pads"])


def convolve(value: tf.Tensor, weight: Any, bias: Any, group: int, strides: list[int], pads: list[int]) -> tf.Tensor:
    """Convolution with ONNX weights (out, in/group, height, width) on a channels-last tensor."""
    stride = [1, *strides, 1]
    padding = "VALID" if not any(pads) else "SAME"
    if padding == "SAME" and strides != [1, 1]:
        # SAME puts the odd pixel at the end; ONNX says where it goes.
        value = tf.pad(value, [[0, 0], [pads[0], pads[2]], [pads[1], pads[3]], [0, 0]])
        padding = "VALID"
    if group == 1:
        result = tf.nn.conv2d(value, np.transpose(weight, (2, 3, 1, 0)), stride, padding)
    else:
        result = tf.nn.depthwise_conv2d(value, np.transpose(weight, (2, 3, 0, 1)), stride, padding)
    return tf.nn.bias_add(result, bias)


def prelu(network: Network, node: onnx.NodeProto, value: tf.Tensor) -> tf.Tensor:
    """Slope per channel, written in the one form that the converter recognises as its operator PRELU."""
    slope = network.weights[node.input[1]].reshape(1, 1, -1)
    return tf.nn.relu(value) + (-slope) * tf.nn.relu(-value)


def relu(_network: Network, _node: onnx.NodeProto, value: tf.Tensor) -> tf.Tensor:
    """max(0, x)."""
    return tf.nn.relu(value)


def max_pool(_network: Network, node: onnx.NodeProto, value: tf.Tensor) -> tf.Tensor:
    """Without padding, as both networks use it."""
    options = attributes(node)
    return tf.nn.max_pool2d(value, options["kernel_shape"], options["strides"], "VALID")


def resize(network: Network, node: onnx.NodeProto, value: tf.Tensor) -> tf.Tensor:
    """Nearest neighbour, by a whole factor."""
    _, _, rows, columns = (int(factor) for factor in network.weights[node.input[2]])
    return tf.image.resize(value, (value.shape[1] * rows, value.shape[2] * columns), method="nearest")


OPERATORS: dict[str, Callable[[Network, onnx.NodeProto, tf.Tensor], tf.Tensor]] = {
    "Conv": convolution,
    "PRelu": prelu,
    "Relu": relu,
    "MaxPool": max_pool,
    "Resize": resize,
}


def run(network: Network, feed: tuple[str, tf.Tensor], wanted: tuple[str, ...]) -> list[tf.Tensor]:
    """Compute the tensors ``wanted`` from the input ``feed`` (its name and value)."""
    known = dict([feed])
    for node in network.nodes:
        if set(wanted) <= known.keys():
            break
        if node.op_type == "Add":
            known[node.output[0]] = known[node.input[0]] + known[node.input[1]]
        else:
            known[node.output[0]] = OPERATORS[node.op_type](network, node, known[node.input[0]])
    return [known[name] for name in wanted]


def detector(network: Network, image: tf.Tensor) -> tf.Tensor:
    """YuNet: image (1, 320, 320, 3) -> (1, 2100, 16), rows from stride 8 to 32, columns cls, obj, bbox, kps."""
    maps = run(network, ("input", image), HEAD_INPUTS)
    return tf.concat([head(network, level, value) for level, value in enumerate(maps)], axis=1)


def head(network: Network, level: int, value: tf.Tensor) -> tf.Tensor:
    """The four heads of one level as one: they share the input, and their second convolutions are all depthwise."""
    stages = [fused_head_weights(network, level, stage) for stage in ("conv1", "conv2")]
    value = convolve(value, *stages[0], 1, [1, 1], [0, 0, 0, 0])
    value = convolve(value, *stages[1], HEAD_CHANNELS, [1, 1], [1, 1, 1, 1])
    scores = tf.sigmoid(value[..., :2])
    rows = value.shape[1] * value.shape[2]
    return tf.reshape(tf.concat([scores, value[..., 2:]], axis=3), (1, rows, HEAD_CHANNELS))


def fused_head_weights(network: Network, level: int, stage: str) -> tuple[Any, Any]:
    """Kernels and biases of the four heads, stacked along the output channel."""
    pairs = []
    for name in HEADS:
        prefix = f"bbox_head.multi_level_{name}.{level}.{stage}"
        node = next(n for n in network.nodes if n.op_type == "Conv" and n.input[1].startswith(prefix))
        pairs.append(convolution_weights(network, node))
    return np.concatenate([weight for weight, _ in pairs]), np.concatenate([bias for _, bias in pairs])


def embedding(network: Network, face: tf.Tensor) -> tf.Tensor:
    """SFace: face (1, 112, 112, 3), scaled -> (1, 1, 1, 128), not normalised."""
    (vector,) = run(network, ("data", face), (network.nodes[-1].output[0],))
    return vector


def stem(network: Network, face: tf.Tensor) -> tf.Tensor:
    """SFace's first layers: face (1, 112, 112, 3), scaled -> `STEM_ANSWER`."""
    (seen,) = run(network, ("data", face), (network.nodes[stem_nodes(network) - 1].output[0],))
    return seen


def trunk(network: Network, seen: tf.Tensor) -> tf.Tensor:
    """The rest of SFace: `STEM_ANSWER` -> (1, 1, 1, 128), not normalised."""
    rest = replace(network, nodes=network.nodes[stem_nodes(network) :])
    (vector,) = run(rest, (rest.nodes[0].input[0], seen), (rest.nodes[-1].output[0],))
    return vector


def stem_nodes(network: Network) -> int:
    """How many of the embedder's nodes the stem has: its convolutions, each with the PReLU behind it."""
    places = [place for place, node in enumerate(network.nodes) if node.op_type == "Conv"]
    return places[STEM_CONVOLUTIONS]


@dataclass(frozen=True, slots=True)
class Piece:
    """A file: what of the ONNX file ``plain`` it holds, and the shape that it sees."""

    target: Path
    plain: Path
    build: Callable[[Network, tf.Tensor], tf.Tensor]
    shape: tuple[int, ...]


FACE = (1, FACE_SIZE, FACE_SIZE, 3)
PIECES = (
    Piece(DETECTOR_WEIGHTS, DETECTOR.plain, detector, (1, DETECTOR_SIZE, DETECTOR_SIZE, 3)),
    Piece(STEM_WEIGHTS, EMBEDDING.plain, stem, FACE),
    Piece(TRUNK_WEIGHTS, EMBEDDING.plain, trunk, STEM_ANSWER),
    Piece(CHIP_WEIGHTS, TAUGHT, stem, FACE),
)
"""What is committed."""
WHOLE = (
    replace(PIECES[0], target=float_tflite(DETECTOR.plain)),
    Piece(float_tflite(EMBEDDING.plain), EMBEDDING.plain, embedding, FACE),
    Piece(float_tflite(TAUGHT), TAUGHT, embedding, FACE),
)
"""Without quantisation, to measure by."""


def convert(piece: Piece, *, quantise: bool) -> bytes:
    """The TFLite file; ``quantise`` False keeps float weights."""
    network = Network.load(piece.plain)
    function = tf.function(lambda value: piece.build(network, value))
    concrete = function.get_concrete_function(tf.TensorSpec(piece.shape, tf.float32, name="image"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if quantise else []
    return bytes(converter.convert())


def at_hand(pieces: tuple[Piece, ...]) -> Iterator[Piece]:
    """All whose network is there; the chip photos' stem stays as it is committed where none was taught."""
    for piece in pieces:
        if piece.plain.exists():
            yield piece
        else:
            print(f"kept       {piece.target.name}  ({piece.plain.name} is not here: models/train/stem/README.md)")


def main() -> None:
    """Write the committed weights, and whole float networks beside the intermediate files."""
    WEIGHTS.mkdir(exist_ok=True)
    for piece in at_hand(PIECES):
        plain = convert(piece, quantise=False)
        piece.target.write_bytes(with_float_depthwise(convert(piece, quantise=True), plain))
        print(f"converted  {piece.target.name}  {piece.target.stat().st_size} bytes")
    for piece in at_hand(WHOLE):
        piece.target.write_bytes(convert(piece, quantise=False))


if __name__ == "__main__":
    main()
