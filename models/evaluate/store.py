"""What the network answered for pictures outside the repository, kept between runs: personal data, mode 0600."""

from __future__ import annotations

import argparse
import os
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.image import FloatArray

UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What `numpy.load` raises for a damaged file: the last two are `zipfile`'s, for flags that say so by chance."""


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/vernix/evaluate`, by default below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vernix" / "evaluate"


def folder(value: str) -> Path:
    """A folder on the command line, there or not yet.

    Raises:
        argparse.ArgumentTypeError: it is a file.
    """
    path = Path(value)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{value} is no folder")
    return path


@dataclass(slots=True)
class Store:
    """One file: what was computed for each picture, by the picture's SHA-256.

    An entry is the network's vectors of all looks at the face, float32 (looks, length), or the cause why there
    is none. ``key`` names everything that the vectors depend on (`models.evaluate.key`), so that a change of any of it
    is another file.
    """

    folder: Path
    key: str
    vectors: dict[str, FloatArray] = field(default_factory=dict, repr=False)
    causes: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"{self.key}.npz"

    def load(self) -> None:
        """Read what earlier runs left; a file that cannot be read counts as none."""
        try:
            with np.load(self.path) as file:
                self.vectors = dict(zip(file["pictures"].tolist(), file["vectors"], strict=True))
                self.causes = dict(zip(file["failed"].tolist(), file["causes"].tolist(), strict=True))
        except UNREADABLE:
            self.vectors, self.causes = {}, {}

    def save(self) -> None:
        """Write the file, whole or not at all."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Each run's own, readable by its owner alone: two may write at once.
        descriptor, part = tempfile.mkstemp(".part", f"{self.key}.", self.folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                np.savez(
                    file,
                    pictures=np.array(list(self.vectors), dtype="U64"),
                    vectors=np.array(list(self.vectors.values()), np.float32),
                    failed=np.array(list(self.causes), dtype="U64"),
                    causes=np.array(list(self.causes.values()), dtype="U32"),
                )
            Path(part).replace(self.path)
        finally:
            Path(part).unlink(missing_ok=True)
