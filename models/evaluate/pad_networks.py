"""Which passive networks `python -m models.evaluate pad` measures beside one another, and what each is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from models.evaluate import anchors
from models.evaluate.anchors import Anchors
from models.image import Image
from models.manifest import FOLDER, MANIFEST, Manifest, read
from models.passive import Box, PassiveLiveness

OWN, BROUGHT, PUBLIC = "own", "brought", "public"
"""The one that is shipped, a hospital's, and those that everybody may have."""
BESIDE = FOLDER.parent.parent / "shared" / "data" / "anchors"
"""Where this project's working copies have the public networks."""

Scorer: TypeAlias = Callable[[Image, Box], float]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A network, or several that answer together: ``files`` are the SHA-256 of what they were loaded from."""

    name: str
    score: Scorer
    threshold: float
    files: Mapping[str, str]

    @classmethod
    def of(cls, name: str, manifest: Path) -> Measured:
        """What ``manifest`` names for passive liveness.

        Raises:
            ModelsError: it cannot be loaded.
        """
        models = Manifest.load(manifest)
        passive = PassiveLiveness.of(models)
        return cls(name, passive.score, passive.threshold, {"network": passive.sha256, "manifest": models.sha256})

    @classmethod
    def public(cls, folder: Path) -> Measured:
        """The two of ``folder``.

        Raises:
            ModelsError: they cannot be loaded.
        """
        both = Anchors.load(folder)
        files = {name: hashlib.sha256(read(folder / name)).hexdigest() for name, _ in anchors.FILES}
        return cls(PUBLIC, both.score, anchors.THRESHOLD, files)


def measured(manifest: Path, folder: Path | None) -> tuple[tuple[Measured, ...], Mapping[str, str]]:
    """The shipped network, that of another ``manifest``, and the public ones of ``folder``; and why one is left out.

    Raises:
        ModelsError: one of them cannot be loaded.
    """
    found, left_out = [Measured.of(OWN, MANIFEST)], {}
    if manifest.resolve() != MANIFEST.resolve():
        found.append(Measured.of(BROUGHT, manifest))
    if folder is None and not BESIDE.is_dir():
        left_out[PUBLIC] = f"there is no folder {BESIDE}; name one with --anchors"
    else:
        found.append(Measured.public(folder or BESIDE))
    return tuple(found), left_out
