"""The networks that a unit looks with, and whether this machine computes them as they were measured."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from daemon.liveness import own_network
from models import selfcheck
from models.errors import ModelsError
from models.face import FaceModels
from models.golden import GOLDEN
from models.liveness.mesh import FaceMesh
from models.manifest import Manifest
from models.passive import PassiveLiveness

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Eyes:
    """For one thread at a time."""

    problem: ClassVar[None] = None
    models: FaceModels
    mesh: FaceMesh
    passive: PassiveLiveness
    manifests: Mapping[str, str]
    """SHA-256 of what says how each network is asked: `manifest`, and `liveness_manifest` where another one has it."""

    @classmethod
    def load(cls, liveness: Path | None = None, golden: Path = GOLDEN) -> Self:
        """Verify and load what the manifest names, and ask each network for what ``golden`` has recorded of it.

        ``liveness``: the manifest of a passive network of the hospital's own, its `golden.json` beside it.

        Raises:
            ModelMissing, ModelCorrupt: a file is missing or is not the manifest's.
            ModelWrong: a network does not compute what was recorded.
            OwnNetworkUnusable: any of these is true of the hospital's own network.
            NetworkFailed: the runtime gave up.
            RuntimeMissing: no TFLite interpreter is installed.
        """
        shipped, models, mesh = Manifest.load(), FaceModels.load(), FaceMesh.load()
        selfcheck.run(models, golden)
        mesh.check_runtime(golden)
        if liveness is None:
            passive = PassiveLiveness.of(shipped)
            passive.check_runtime(golden)
            return cls(models, mesh, passive, {"manifest": shipped.sha256})
        own = own_network.manifest_of(liveness)
        manifests = {"manifest": shipped.sha256, "liveness_manifest": own.sha256}
        return cls(models, mesh, own_network.accepted(own), manifests)

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each network by its role and of the manifests, for the record."""
        networks = {**self.models.hashes, "liveness": self.passive.sha256, "mesh": self.mesh.sha256}
        return {**networks, **self.manifests}


@dataclass(frozen=True, slots=True)
class Blind:
    """Instead of :class:`Eyes` where those cannot be used: the unit runs on, and officers decide.

    ``problem``: why nobody may be decided about by face.
    """

    problem: ModelsError


def open_eyes(liveness: Path | None = None, golden: Path = GOLDEN) -> Eyes | Blind:
    """The networks as :meth:`Eyes.load` has them; without them where one file, or the runtime, cannot be used."""
    try:
        return Eyes.load(liveness, golden)
    except ModelsError as error:
        log.exception("nobody is decided about by face: %s", error)
        return Blind(error)
