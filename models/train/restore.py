"""A checkpoint from the published int8 file, so that training can go on from what is committed.

The weights come back to within half a step of their quantisation. Batch normalisation was folded into them: its
statistics are measured anew on one shard, and its scale and shift chosen so that the network still computes the same.

`python -m models.train.restore --tflite passive.tflite --data shard.npz --out fit.pt`, in the training's environment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from models.train.network import Convolution, Passive, scaled

Floats = npt.NDArray[np.float32]
MEASURED = 400
"""Samples that the statistics are of."""


def layers(path: Path) -> Iterator[tuple[Floats, Floats]]:
    """Kernel (out, in, rows, columns) and bias of each convolution, in the order in which they are computed."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    details = {item["index"]: item for item in interpreter.get_tensor_details()}

    def value(index: int) -> Floats:
        quantisation = details[index]["quantization_parameters"]
        stored = interpreter.get_tensor(index).astype(np.float32)
        scales = quantisation["scales"]
        return np.asarray(stored * scales.reshape(-1, *[1] * (stored.ndim - 1)), np.float32)

    # Nothing public says which tensor belongs to which operator.
    for operation in interpreter._get_ops_details():
        if operation["op_name"] == "CONV_2D":
            _, kernel, bias = operation["inputs"]
            yield np.transpose(value(kernel), (0, 3, 1, 2)), value(bias)


def answers(path: Path, crops: Tensor) -> Tensor:
    """The file's own logits (n, classes) for an input (n, channels, side, side)."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    found = []
    for crop in crops:
        interpreter.set_tensor(given, crop.permute(1, 2, 0)[None].numpy())
        interpreter.invoke()
        found.append(interpreter.get_tensor(answer).ravel().copy())
    return torch.from_numpy(np.stack(found))


@torch.no_grad()
def restored(path: Path) -> Passive:
    """The network with the file's weights and a batch normalisation that changes nothing but adds the bias."""
    network = Passive().eval()
    known = list(layers(path))
    ours = [module for module in network.modules() if isinstance(module, Convolution | nn.Linear)]
    # Named as modules, the matrices stand behind the branches, as they are computed.
    for module, (kernel, bias) in zip(ours, known, strict=True):
        if isinstance(module, nn.Linear):
            module.weight.copy_(torch.from_numpy(kernel[:, :, 0, 0]))
            module.bias.copy_(torch.from_numpy(bias))
        else:
            convolution, normalisation = parts(module)
            convolution.weight.copy_(torch.from_numpy(kernel))
            normalisation.bias.copy_(torch.from_numpy(bias))
            assert normalisation.running_var is not None
            normalisation.running_var.fill_(1 - normalisation.eps)
    return network


def parts(block: Convolution) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """The convolution and the normalisation behind it."""
    convolution, normalisation = block[0], block[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(normalisation, nn.BatchNorm2d)
    return convolution, normalisation


@torch.no_grad()
def normalised(network: Passive, crops: Tensor) -> None:
    """Statistics of ``crops`` into every normalisation; what the network computes stays."""
    seen: dict[nn.BatchNorm2d, Tensor] = {}

    def keep(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        seen[module] = arguments[0]

    handles = [part.register_forward_pre_hook(keep) for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
    network(crops)
    for handle in handles:
        handle.remove()
    for normalisation, value in seen.items():
        assert normalisation.running_mean is not None
        assert normalisation.running_var is not None
        variance, mean = torch.var_mean(value, dim=(0, 2, 3), correction=0)
        normalisation.running_mean.copy_(mean)
        normalisation.running_var.copy_(variance)
        normalisation.weight.copy_(torch.sqrt(variance + normalisation.eps))
        normalisation.bias.add_(mean)


@torch.no_grad()
def main() -> None:
    """Write the checkpoint; say how far its probabilities are from the file's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tflite", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="a shard of `sample`")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    crops = scaled(torch.from_numpy(np.load(options.data)["crops"][:MEASURED]).permute(0, 3, 1, 2))
    network = restored(options.tflite)
    normalised(network, crops)
    apart = (network(crops).softmax(dim=1) - answers(options.tflite, crops).softmax(dim=1)).abs()
    torch.save(network.state_dict(), options.out)
    said = f"{float(apart.mean()):.4f} from the file on average, {float(apart.max()):.3f} at most"
    sys.stdout.write(f"restored  {options.out.name}  {said}\n")


if __name__ == "__main__":
    main()
