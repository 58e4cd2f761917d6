"""Step 3a: depthwise convolutions keep float weights while all others have int8.

With int8 weights a depthwise convolution is not taken over by XNNPACK and runs in TFLite's own kernel, which also
rounds its input to int8: 8.4 ms instead of 5.4 ms for the embedder, and half of its distance to the float network. The
weights in question are a hundredth of the file.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

FILE_IDENTIFIER = b"TFL3"


def with_float_depthwise(quantised: bytes, plain: bytes) -> bytes:
    """``quantised`` with the depthwise weights of ``plain``, the same network converted without quantisation.

    The detector's are too small for the converter to quantise: it comes back as it is.
    """
    model, source = parse(quantised), parse(plain)
    if all(weights.type == schema.TensorType.FLOAT32 for _, weights, _ in depthwise(model)):
        return quantised
    for (_, weights, code), (_, original, _) in zip(depthwise(model), depthwise(source), strict=True):
        if not np.array_equal(weights.shape, original.shape):
            raise SystemExit("the two files are not the same network")
        buffer = schema.BufferT()
        buffer.data = np.asarray(source.buffers[original.buffer].data, np.uint8)
        model.buffers.append(buffer)
        weights.buffer, weights.type, weights.quantization = len(model.buffers) - 1, schema.TensorType.FLOAT32, None
        code.version = 1
    drop_unused_buffers(model)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def parse(content: bytes) -> Any:
    """The flatbuffer as objects."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(bytearray(content), 0))


def depthwise(model: Any) -> list[tuple[Any, Any, Any]]:
    """Operator, weights' tensor and operator code of each depthwise convolution, in order of execution."""
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if code.builtinCode == schema.BuiltinOperator.DEPTHWISE_CONV_2D:
            found.append((operator, graph.tensors[operator.inputs[1]], code))
    return found


def drop_unused_buffers(model: Any) -> None:
    """Empty the buffers that no tensor and no metadata reads any more."""
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {item.buffer for item in model.metadata or []}
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None
