"""The embedder in PyTorch, as fast as one thread makes it: bfloat16, channels last, `operators.cpp` between products.

Every convolution is followed by PReLU, whose slopes stay as published; the last one is a matrix product.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.cpp_extension import load

from models.convert.simplify import Network, attributes
from models.convert.sources import EMBEDDING, STEM_CONVOLUTIONS, TAUGHT

OPERATORS = load(
    "vernix_operators",
    [str(Path(__file__).parent / "operators.cpp")],
    extra_cflags=["-O3", "-march=native", "-ffast-math"],
)
HALF = torch.bfloat16
OFFSET, SCALE = 127.5, 1 / 128
"""Of the embedder's input, as in the manifest."""


class Depthwise(torch.autograd.Function):
    """3x3, bias, PReLU on (n, height, width, channels)."""

    @staticmethod
    def forward(context: Any, value: Tensor, kernel: Tensor, bias: Tensor, slope: Tensor, stride: int) -> Tensor:
        """See `operators.cpp`."""
        answer, positive = OPERATORS.depthwise(value, kernel, bias, slope, stride)
        context.save_for_backward(positive, value, kernel, slope)
        context.stride = stride
        result: Tensor = answer
        return result

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """See `operators.cpp`."""
        found = OPERATORS.depthwise_backward(gradients[0].contiguous(), *context.saved_tensors, context.stride)
        return (*found, None, None)


class Pointwise(torch.autograd.Function):
    """1x1, bias, PReLU on (pixels, channels)."""

    @staticmethod
    def forward(context: Any, value: Tensor, kernel: Tensor, bias: Tensor, slope: Tensor) -> Tensor:
        """A matrix product, then in place."""
        half = kernel.to(HALF)
        answer = torch.addmm(bias.to(HALF), value, half.t())
        context.save_for_backward(value, half, OPERATORS.prelu(answer, slope), slope)
        return answer

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Only what is asked for: the trunk's weights are not taught."""
        value, half, positive, slope = context.saved_tensors
        gradient, to_bias = OPERATORS.prelu_backward(gradients[0].contiguous(), positive, slope)
        wanted = context.needs_input_grad
        return (
            gradient @ half if wanted[0] else None,
            (gradient.t() @ value).float() if wanted[1] else None,
            to_bias if wanted[2] else None,
            None,
        )


class Embedder(nn.Module):
    """Aligned faces (n, 112, 112, 3), BGR, 0 to 255, to vectors (n, 128), not normalised."""

    def __init__(self, network: Network, layers: int) -> None:
        """``network`` is one after `models.convert.simplify`; its first ``layers`` convolutions are taught."""
        super().__init__()
        nodes = [node for node in network.nodes if node.op_type == "Conv"]
        slopes = [network.weights[node.input[1]].ravel() for node in network.nodes if node.op_type == "PRelu"]
        self.kernels, self.biases = nn.ParameterList(), nn.ParameterList()
        self.slopes = [torch.tensor(slope) for slope in slopes]
        self.strides = [int(attributes(node)["strides"][0]) for node in nodes]
        for place, node in enumerate(nodes):
            kernel, bias = (torch.tensor(network.weights[name]) for name in node.input[1:3])
            taught = place < layers
            self.kernels.append(nn.Parameter(flat(kernel, place == 0), requires_grad=taught))
            self.biases.append(nn.Parameter(bias, requires_grad=taught))

    def forward(self, faces: Tensor) -> Tensor:
        """All layers."""
        n, side = len(faces), faces.shape[1]
        scaled = ((faces.flip(3) - OFFSET) * SCALE).permute(0, 3, 1, 2)
        patches = functional.unfold(scaled, 3, padding=1).view(n, 3, 9, -1)
        value = patches.permute(0, 3, 2, 1).reshape(-1, 27).to(HALF)
        for kernel, bias, slope, stride in zip(self.kernels, self.biases, self.slopes, self.strides, strict=False):
            if len(kernel) == 9:
                value = Depthwise.apply(value.view(n, side, side, -1), kernel, bias, slope, stride)
                side = value.shape[1]
                value = value.view(n * side * side, -1)
            else:
                value = Pointwise.apply(value, kernel, bias, slope)
        return functional.linear(value.reshape(n, -1), self.kernels[-1].to(HALF)).float() + self.biases[-1]


def flat(kernel: Tensor, first: bool) -> Tensor:
    """ONNX's (out, in, height, width) as the operators take it: (9, channels) depthwise, else (out, in of a patch)."""
    depthwise = kernel.shape[1] == 1 and not first
    return (kernel.reshape(-1, 9).t() if depthwise else kernel.permute(0, 2, 3, 1).flatten(1)).contiguous()


def save(embedder: Embedder, path: Path = TAUGHT) -> None:
    """The published network with the taught stem, as `models.convert.to_tflite` takes it."""
    network = Network.load(EMBEDDING.plain)
    nodes = [node for node in network.nodes if node.op_type == "Conv"][:STEM_CONVOLUTIONS]
    for node, kernel, bias in zip(nodes, embedder.kernels, embedder.biases, strict=False):
        published = network.weights[node.input[1]]
        out, inner, height, width = published.shape
        taught = kernel.detach().numpy()
        taught = taught.T if len(taught) == 9 else taught.reshape(out, height, width, inner).transpose(0, 3, 1, 2)
        network.weights[node.input[1]] = np.ascontiguousarray(taught.reshape(published.shape))
        network.weights[node.input[2]] = bias.detach().numpy()
    network.save(path)
