"""The name under which answers are kept between runs: it changes with everything that they depend on."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from models.evaluate.pairs import PairsError
from models.interpreter import installed_runtime
from models.manifest import FOLDER, Entry, LivenessEntry

Network: TypeAlias = Entry | LivenessEntry | str
"""Its entry in the manifest (weights and preprocessing), or its weights' SHA-256."""

FACES_CODE = (
    "alignment.py",
    "detector.py",
    "embedding.py",
    "evaluate/acquire.py",
    "evaluate/chip.py",
    "face.py",
    "image.py",
    "interpreter.py",
    "liveness/mesh.py",
    "preprocessing.py",
    "quarters.py",
)
"""What makes the vectors of a picture, beside the network."""
ANSWERS_CODE = (*FACES_CODE, "evaluate/answers.py", "passive.py", "selfcheck.py")


def key(what: str, networks: Iterable[Network], code: Iterable[str]) -> str:
    """`what.hash.runtime-processor`: the hash is over ``networks``, the files ``code`` of this package and OpenCV's and
    the runtime's versions. Of what kind a processor is beyond its name is not in it."""
    versions = [version_of(name) for name in ("opencv_python_headless", installed_runtime()[0])]
    digest = hashlib.sha256(repr((list(networks), versions)).encode())
    for name in code:
        digest.update((FOLDER / name).read_bytes())
    return f"{what}.{digest.hexdigest()[:16]}.{installed_runtime()[0]}-{platform.machine()}"


def version_of(package: str) -> str:
    """The installed one's."""
    return importlib.metadata.version(package)


def kept(folder: Path) -> dict[str, Path]:
    """The files in ``folder`` by their key without runtime and processor: what two machines have in common.

    Raises:
        PairsError: two runtimes or processors have filled the folder.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.*.*.npz")):
        common, _, place = path.stem.rpartition(".")
        if common in found:
            other = found[common].stem.rpartition(".")[2]
            raise PairsError(f"{folder}: filled by {other} and by {place}; give each a folder of its own (--cache)")
        found[common] = path
    return found
