"""The one place that imports a TFLite interpreter: LiteRT (`ai_edge_litert`), else `tflite_runtime`."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from models.errors import ModelCorrupt, NetworkFailed, RuntimeMissing
from models.image import FloatArray
from models.memory import let_go

RUNTIMES = ("ai_edge_litert", "tflite_runtime")


@cache
def installed_runtime() -> tuple[str, Any]:
    """Name and `Interpreter` class of the first runtime that is installed.

    Raises:
        RuntimeMissing: neither is.
    """
    for name in RUNTIMES:
        try:
            return name, importlib.import_module(f"{name}.interpreter").Interpreter
        except ImportError:
            continue
    raise RuntimeMissing(f"none of {', '.join(RUNTIMES)} can be imported; {RuntimeMissing.advice}")


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and dtype (numpy's name) of a network's input or output."""

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    @classmethod
    def of(cls, details: dict[str, Any]) -> TensorType:
        """From the interpreter's description of a tensor."""
        return cls(tuple(int(size) for size in details["shape"]), np.dtype(details["dtype"]).name)


class Network:
    """One network, one input, one output. Not for two threads at once: the interpreter has one set of buffers."""

    def __init__(self, model: BinaryIO, num_threads: int) -> None:
        """Load an open .tflite file, which its caller has verified and may close afterwards.

        It is mapped, and what the runtime has packed for its kernels is given back (`models.memory`): the weights stay
        in memory once, not twice.

        Raises:
            ModelCorrupt: the interpreter does not take it, there is more than one input or output, or another file has
                taken its name meanwhile.
            RuntimeMissing: there is no interpreter.
        """
        _, interpreter = installed_runtime()
        file = Path(model.name)
        try:
            self._interpreter = interpreter(model_path=str(file), num_threads=num_threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelCorrupt(file, "content", "a TFLite model that this runtime loads", error) from error
        if not os.path.samestat(file.stat(), os.fstat(model.fileno())):
            raise ModelCorrupt(file, "content", "the file that was verified", "another, put there meanwhile")
        let_go(model)
        self._input = self._single(file, "input", self._interpreter.get_input_details())
        self._output = self._single(file, "output", self._interpreter.get_output_details())
        self.input_type = TensorType.of(self._input)
        self.output_type = TensorType.of(self._output)

    @staticmethod
    def _single(file: Path, what: str, tensors: list[dict[str, Any]]) -> dict[str, Any]:
        if len(tensors) != 1:
            raise ModelCorrupt(file, f"number of {what}s", 1, len(tensors))
        return tensors[0]

    def run(self, value: npt.NDArray[Any]) -> FloatArray:
        """The output for ``value``, a copy; both have the shape that `input_type` and `output_type` say.

        ``value`` may be of another dtype, as a picture's uint8: it is converted on its way into the input, without a
        copy between.

        Raises:
            ValueError: another shape.
            NetworkFailed: the runtime gives no answer.
        """
        if value.shape != self.input_type.shape:
            raise ValueError(f"the input has shape {self.input_type.shape}, not {value.shape}")
        # The view must be gone before invoke(), so it has no name.
        np.copyto(self._interpreter.tensor(self._input["index"])(), value, casting="unsafe")
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise NetworkFailed(f"no answer: {error}; {NetworkFailed.advice}") from error
        result: FloatArray = self._interpreter.get_tensor(self._output["index"])
        return result
