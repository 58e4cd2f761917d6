"""`golden.json`: what each network answers for the drawn face, by weights, runtime and processor."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from models.errors import MALFORMED, ModelCorrupt
from models.image import FloatArray
from models.manifest import FOLDER, read

GOLDEN = FOLDER / "golden.json"
ANY = "any"
SAME = 0.9995
"""Agreement asked for where a record was made: only another version of the runtime may round otherwise."""


Answer: TypeAlias = Mapping[str, FloatArray]
"""A network's output by parts, each of numbers of one kind and size; what is looked at of each, float32 (numbers,)."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the output was, and how near to it another has to come: `agreement` of at least ``least``."""

    least: float
    output: tuple[float, ...]

    def __post_init__(self) -> None:
        """ValueError where nothing could differ."""
        if not (0 < self.least <= 1 and any(self.output) and np.all(np.isfinite(self.output))):
            raise ValueError(f"least is above 0 and at most 1, the output finite and not nothing; found {self.least}")


@dataclass(frozen=True, slots=True)
class Golden:
    """What the way ``sha256`` (`manifest.Entry.ways`) answers; ``runtime`` and ``processor`` may be `any`.

    Of a hospital's own network the hash is its manifest's: who accepted it accepted how it is asked, too.
    """

    sha256: str
    runtime: str
    processor: str
    parts: Mapping[str, Part]

    @classmethod
    def of(cls, sha256: str, where: tuple[str, str], answer: Answer, least: Mapping[str, float] | None = None) -> Self:
        """The record of an answer on ``where``, a runtime and a processor; without ``least``, `SAME` for each part."""
        parts = {
            name: Part(SAME if least is None else round(least[name], 4), tuple(float(f"{one:.6g}") for one in numbers))
            for name, numbers in answer.items()
        }
        return cls(sha256, *where, parts)

    @property
    def key(self) -> tuple[str, str, str]:
        """What there is one record of."""
        return self.sha256, self.runtime, self.processor


def agreement(first: FloatArray, second: FloatArray) -> float:
    """How alike two vectors are: 1 is alike; the cosine for vectors of one length, less for any other.

    1 - |a - b|^2 / (2 |a| |b|): a size that differs by a share s costs s^2 / 2. -inf where they differ in shape, the
    first has a number that is not finite, or one of them is nothing.
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    if a.shape != b.shape or not np.all(np.isfinite(a)) or not (a.any() and b.any()):
        return -math.inf
    return 1 - float(np.sum((a - b) ** 2) / (2 * np.linalg.norm(a) * np.linalg.norm(b)))


def beside(manifest: Path) -> Path:
    """Where the records of a manifest's networks are."""
    return manifest.parent / GOLDEN.name


def load(path: Path) -> list[Golden]:
    """The records of the file.

    Raises:
        ModelMissing: there is no such file.
        ModelCorrupt: it is not what `save` writes.
    """
    try:
        return [_parsed(item) for item in json.loads(read(path))["golden"]]
    except MALFORMED as error:
        raise ModelCorrupt(path, "content", "golden vectors", f"{type(error).__name__} {error}") from error


def _parsed(item: Mapping[str, Any]) -> Golden:
    parts = {
        str(name): Part(float(part["least"]), tuple(float(value) for value in part["output"]))
        for name, part in item["parts"].items()
    }
    return Golden(str(item["sha256"]), str(item["runtime"]), str(item["processor"]), parts)


def save(path: Path, records: Iterable[Golden]) -> None:
    """Write the file: one record for each `Golden.key`, the last of several."""
    kept = {record.key: record for record in records}
    document = {"golden": [_written(kept[key]) for key in sorted(kept)]}
    part = path.with_name(f".{path.name}.new")
    part.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def _written(record: Golden) -> dict[str, Any]:
    parts = {name: {"least": part.least, "output": list(part.output)} for name, part in record.parts.items()}
    return {"sha256": record.sha256, "runtime": record.runtime, "processor": record.processor, "parts": parts}
