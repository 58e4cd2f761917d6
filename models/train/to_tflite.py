"""The exported weights as an int8 TFLite file, in the conversion's environment (`models/convert/README.md`).

`python -m models.train.to_tflite --weights fit.npz --calibration shard.npz --out passive.tflite`; without a shard to
calibrate on it is float
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import tensorflow as tf

SIDE_PX = 112
CROPS = 3
CALIBRATION = 300

Weights = dict[str, np.ndarray[Any, Any]]


def convolution(value: tf.Tensor, weights: Weights, name: str, stride: int) -> tf.Tensor:
    """3x3 with one pixel of zeros around, as the training had it."""
    kernel = np.transpose(weights[f"{name}.kernel"], (2, 3, 1, 0))
    padded = tf.pad(value, [[0, 0], [1, 1], [1, 1], [0, 0]]) if stride != 1 else value
    result = tf.nn.conv2d(padded, kernel, stride, "VALID" if stride != 1 else "SAME")
    return tf.nn.bias_add(result, weights[f"{name}.bias"])


def branch(value: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """One crop (1, side, side, 3) to (1, 1, 1, channels)."""
    for layer in range(6):
        place = f"{name}.{layer}"
        if f"{place}.kernel" in weights:
            value = tf.nn.relu(convolution(value, weights, place, 2))
        else:
            inner = tf.nn.relu(convolution(value, weights, f"{place}.first", 1))
            value = tf.nn.relu(value + convolution(inner, weights, f"{place}.second", 1))
    return tf.reduce_mean(value, axis=[1, 2], keepdims=True)


def product(value: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """A matrix product as a 1x1 convolution: a quantised FULLY_CONNECTED does not load in tflite-runtime 2.14."""
    kernel = weights[f"{name}.kernel"]
    result = tf.nn.conv2d(value, np.transpose(kernel)[np.newaxis, np.newaxis], 1, "VALID")
    return tf.nn.bias_add(result, weights[f"{name}.bias"])


def passive(crops: tf.Tensor, weights: Weights) -> tf.Tensor:
    """Crops (1, side, side, 9), scaled, to (1, 1, 1, 3) logits: live, screen, print."""
    parts = [branch(crops[..., 3 * index : 3 * index + 3], weights, f"branches.{index}") for index in range(CROPS)]
    features = tf.nn.relu(product(tf.concat(parts, axis=3), weights, "mix"))
    return product(features, weights, "head")


def calibration(path: Path) -> Iterator[list[np.ndarray[Any, Any]]]:
    """Crops as the unit would feed them."""
    crops = np.load(path)["crops"][:CALIBRATION]
    for crop in crops:
        yield [((crop.astype(np.float32) - 127.5) / 127.5)[np.newaxis]]


def convert(weights: Weights, shard: Path | None) -> bytes:
    """The TFLite file; int8 throughout with ``shard`` to calibrate on, float without."""
    function = tf.function(lambda crops: passive(crops, weights))
    concrete = function.get_concrete_function(tf.TensorSpec((1, SIDE_PX, SIDE_PX, 3 * CROPS), tf.float32, name="crops"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    if shard is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: calibration(shard)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return bytes(converter.convert())


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--calibration", type=Path, help="a shard of `sample`; without it the file is float")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with np.load(options.weights) as file:
        weights = dict(file)
    options.out.write_bytes(convert(weights, options.calibration))
    sys.stdout.write(f"converted  {options.out.name}  {options.out.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
