"""The networks that a unit looks with, and whether this machine computes them as they were measured."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from models import selfcheck
from models.errors import ModelCorrupt, ModelFileError, ModelsError, ModelWrong, NetworkFailed, OwnNetworkUnusable
from models.face import FaceModels
from models.golden import GOLDEN, beside
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
        own, passive = own_passive(liveness)
        with of_the_hospital(liveness):
            passive.check_runtime(beside(liveness))
        return cls(models, mesh, passive, {"manifest": shipped.sha256, "liveness_manifest": own.sha256})

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


def own_passive(path: Path) -> tuple[Manifest, PassiveLiveness]:
    """The manifest of a hospital's own passive network, and the network; whether it was accepted is not asked.

    Raises:
        OwnNetworkUnusable: a file is missing or is not the manifest's, or this names anything else.
    """
    with of_the_hospital(path):
        manifest = Manifest.load(path)
        if manifest.entries or manifest.projections or len(manifest.liveness) != 1:
            found = f"{len(manifest.entries)}, {len(manifest.projections)} and {len(manifest.liveness)}"
            raise ModelCorrupt(path, "the number of models, projections and liveness", "0, 0 and 1", found)
        return manifest, PassiveLiveness.of(manifest)


@contextmanager
def of_the_hospital(manifest: Path) -> Iterator[None]:
    """What is wrong in this block is so with the hospital's own network: not with what this software brings."""
    try:
        yield
    except (ModelFileError, ModelWrong, NetworkFailed) as error:
        raise OwnNetworkUnusable(manifest, error) from error


def open_eyes(liveness: Path | None = None, golden: Path = GOLDEN) -> Eyes | Blind:
    """The networks as :meth:`Eyes.load` has them; without them where one file, or the runtime, cannot be used."""
    try:
        return Eyes.load(liveness, golden)
    except ModelsError as error:
        log.exception("nobody is decided about by face: %s", error)
        return Blind(error)
