"""Weights of a checkpoint with batch normalisation folded into the convolutions, as .npz for `to_tflite`.

`python -m models.train.export --checkpoint fit.pt --out fit.npz`, in the training's environment.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from models.train.network import Convolution, Passive

Arrays = dict[str, npt.NDArray[np.float32]]


def folded(block: Convolution) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Kernel (out, in, 3, 3) and bias of a convolution and the normalisation behind it."""
    convolution, normalisation = block[0], block[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(normalisation, nn.BatchNorm2d)
    mean, variance = normalisation.running_mean, normalisation.running_var
    assert mean is not None
    assert variance is not None
    factor = normalisation.weight / torch.sqrt(variance + normalisation.eps)
    kernel = convolution.weight * factor[:, None, None, None]
    bias = normalisation.bias - mean * factor
    return kernel.detach().numpy(), bias.detach().numpy()


def weights(network: Passive) -> Arrays:
    """Kernels and biases by the module's name, and the two matrices."""
    result: Arrays = {}
    for name, module in network.named_modules():
        if isinstance(module, Convolution):
            result[f"{name}.kernel"], result[f"{name}.bias"] = folded(module)
        elif isinstance(module, nn.Linear):
            result[f"{name}.kernel"] = module.weight.detach().numpy()
            result[f"{name}.bias"] = module.bias.detach().numpy()
    return result


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    network = Passive()
    network.load_state_dict(torch.load(options.checkpoint))
    np.savez(options.out, allow_pickle=False, **weights(network.eval()))


if __name__ == "__main__":
    main()
