"""The published networks run by other software: ONNX Runtime and OpenCV. What the converted ones are held against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from models.convert.sources import DETECTOR, EMBEDDING, TAUGHT
from models.convert.to_tflite import DETECTOR_SIZE, HEADS
from models.detector import MAX_OVERLAP, MIN_SCORE, STRIDES_PX
from models.image import FloatArray, Image, unit
from models.interpreter import TensorType
from models.preprocessing import Preprocessing


def session(path: Path) -> Any:
    """An ONNX Runtime session on one thread.

    The published embedder still lists its former float weights as inputs that no node reads; these are left out.
    """
    model = onnx.load(path)
    used = {name for node in model.graph.node for name in node.input}
    for item in [item for item in model.graph.input if item.name not in used]:
        model.graph.input.remove(item)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class PublishedDetector:
    """The published detector in OpenCV's dnn module, in the shape of `models.interpreter.Network`.

    ONNX Runtime does not take this file: its biases have a block size and a single scale.
    """

    input_type = TensorType((1, DETECTOR_SIZE, DETECTOR_SIZE, 3), "float32")

    def __init__(self) -> None:
        """Read the file as published."""
        self._net = cv2.dnn.readNetFromONNX(str(DETECTOR.original))

    def run(self, value: npt.NDArray[Any]) -> FloatArray:
        """(1, 320, 320, 3) -> (1, 2100, 16), columns as the converted network has them."""
        names = [[f"{head}_{stride}" for head in HEADS] for stride in STRIDES_PX]
        self._net.setInput(np.ascontiguousarray(value.transpose(0, 3, 1, 2), np.float32))
        levels = [np.concatenate(self._net.forward(level), axis=2) for level in names]
        return np.concatenate(levels, axis=1)


class OnnxEmbedder:
    """An embedder in ONNX Runtime."""

    def __init__(self, path: Path, preprocessing: Preprocessing) -> None:
        """Open the file; ``preprocessing`` makes its input."""
        self._session = session(path)
        self._preprocessing = preprocessing

    @classmethod
    def published(cls) -> OnnxEmbedder:
        """As published: it scales its input itself."""
        return cls(EMBEDDING.original, Preprocessing("RGB", 0, 1))

    @classmethod
    def taught(cls, preprocessing: Preprocessing) -> OnnxEmbedder:
        """With the chip photos' stem, before its weights were quantised."""
        return cls(TAUGHT, preprocessing)

    def embed(self, aligned: Image) -> FloatArray:
        """The unit vector (128,) of an aligned BGR face."""
        value = np.ascontiguousarray(self._preprocessing.apply(aligned).transpose(0, 3, 1, 2))
        return unit(self._session.run(None, {"data": value})[0].ravel())


class OpenCv:
    """OpenCV's own detector, alignment and recogniser on the published files: an independent second pipeline."""

    def __init__(self) -> None:
        """Open both."""
        size = (DETECTOR_SIZE, DETECTOR_SIZE)
        self._detector = cv2.FaceDetectorYN.create(str(DETECTOR.original), "", size, MIN_SCORE, MAX_OVERLAP)
        self._recogniser = cv2.FaceRecognizerSF.create(str(EMBEDDING.original), "")

    def detect(self, canvas: Image) -> npt.NDArray[np.float32]:
        """The best face in a 320x320 picture: box (4), points (10), score."""
        _, faces = self._detector.detect(canvas)
        return faces[0]

    def embed(self, image: Image, face: npt.NDArray[np.float32]) -> FloatArray:
        """The unit vector (128,) of ``face`` (box, points, score in pixels of ``image``)."""
        vector = self._recogniser.feature(self._recogniser.alignCrop(image, face)).ravel()
        return vector / np.linalg.norm(vector)
