"""The passive liveness network: some crops, each through a small residual network of its own, one answer.

Written so that every layer has an exact counterpart in TensorFlow Lite (`convert`): convolutions with batch
normalisation that folds into them, ReLU, mean over the map, matrix products.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 24, 48, 96)
FEATURES = 64
LEFT_OUT = 0.2
"""Chance in training that a crop is not seen: none may decide alone."""
CLASSES = 3
"""Live, screen, print."""


class Convolution(nn.Sequential):
    """3x3, batch normalisation, ReLU at wish."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, relu: bool = True) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU()] if relu else []))


class Residual(nn.Module):
    """Two convolutions beside nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels, 1)
        self.second = Convolution(channels, channels, 1, relu=False)

    def forward(self, value: Tensor) -> Tensor:
        return torch.relu(value + self.second(self.first(value)))


class Branch(nn.Sequential):
    """One crop (3, side, side) to a vector."""

    def __init__(self) -> None:
        first, second, third, fourth = WIDTHS
        super().__init__(
            Convolution(3, first, 2),
            Convolution(first, second, 2),
            Convolution(second, third, 2),
            Residual(third),
            Convolution(third, fourth, 2),
            Residual(fourth),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )


class Passive(nn.Module):
    """Stacked crops (batch, 3 * crops, side, side), scaled to about -1 to 1, to the classes' logits."""

    def __init__(self, crops: int = 3) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Branch() for _ in range(crops))
        self.drop = nn.Dropout(0.2)
        self.mix = nn.Linear(crops * WIDTHS[-1], FEATURES)
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, crops: Tensor) -> Tensor:
        vectors = [branch(part) for branch, part in zip(self.branches, crops.split(3, dim=1), strict=True)]
        kept = functional.dropout(crops.new_ones(len(crops), len(vectors), 1), LEFT_OUT, self.training)
        features = torch.relu(self.mix(self.drop((torch.stack(vectors, dim=1) * kept).flatten(1))))
        result: Tensor = self.head(features)
        return result


def scaled(crops: Tensor) -> Tensor:
    """Bytes to the network's input."""
    return (crops.float() - 127.5) / 127.5
