"""The networks that a unit looks with, and whether this machine computes them as they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from models import selfcheck
from models.errors import ModelWrong
from models.face import FaceModels
from models.liveness.mesh import FaceMesh
from models.passive import PassiveLiveness


@dataclass(frozen=True, slots=True)
class Eyes:
    """For one thread at a time.

    ``problem``: why nobody may be decided about with them; the unit runs on, and officers decide.
    """

    models: FaceModels
    mesh: FaceMesh
    passive: PassiveLiveness
    problem: ModelWrong | None = None

    @classmethod
    def load(cls, golden: Path = selfcheck.GOLDEN) -> Self:
        """Verify and load what the manifest names, and ask each network for what ``golden`` has recorded of it.

        Raises:
            ModelMissing, ModelCorrupt: a file is missing or is not the manifest's.
            RuntimeMissing: no TFLite interpreter is installed.
        """
        models, mesh, passive = FaceModels.load(), FaceMesh.load(), PassiveLiveness.load()
        try:
            selfcheck.run(models, golden)
            mesh.check_runtime(golden)
            passive.check_runtime(golden)
        except ModelWrong as error:
            return cls(models, mesh, passive, error)
        return cls(models, mesh, passive)

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each network by its role, for the record."""
        return {**self.models.hashes, "liveness": self.passive.sha256, "mesh": self.mesh.sha256}
