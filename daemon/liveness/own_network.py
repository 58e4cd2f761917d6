"""A passive network that the hospital brings, `[models] liveness`: what may be loaded of it, and what it may cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models import golden, selfcheck
from models.errors import ModelCorrupt, ModelFileError, ModelWrong, NetworkFailed, OwnNetworkUnusable
from models.manifest import Manifest
from models.memory import resident_bytes
from models.passive import PassiveLiveness


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network takes: time for one face, and memory that this process did not hold before."""

    answer_ms: float
    memory_mb: float

    def __str__(self) -> str:
        return f"{self.answer_ms:.1f} ms a face, {self.memory_mb:.0f} MB"

    def within(self, most: Cost) -> bool:
        """Whether neither is more."""
        return self.answer_ms <= most.answer_ms and self.memory_mb <= most.memory_mb


MOST = Cost(200.0, 100.0)
"""Three frames are judged while she waits, and the service has 700 MB for everything."""


def manifest_of(path: Path) -> Manifest:
    """The manifest of a hospital's own network.

    Raises:
        OwnNetworkUnusable: it is missing, damaged, or names anything else.
    """
    with _of_the_hospital(path):
        manifest = Manifest.load(path)
        if manifest.entries or manifest.projections or len(manifest.liveness) != 1:
            found = f"{len(manifest.entries)}, {len(manifest.projections)} and {len(manifest.liveness)}"
            raise ModelCorrupt(path, "the number of models, projections and liveness", "0, 0 and 1", found)
        return manifest


def accepted(manifest: Manifest) -> PassiveLiveness:
    """The network, where it has been accepted on this machine and computes what it did then.

    One that nobody has accepted is not even loaded: nobody knows what it would take.

    Raises:
        OwnNetworkUnusable: it was not accepted, its file or manifest is another, or it answers otherwise.
    """
    with _of_the_hospital(manifest.path):
        records = golden.load(golden.beside(manifest.path))
        selfcheck.expected(records, manifest.sha256, "liveness")
        passive = PassiveLiveness.of(manifest)
        selfcheck.require(records, manifest.sha256, "liveness", passive.answer())
        return passive


def tried(manifest: Manifest) -> tuple[PassiveLiveness, Cost]:
    """The network before it is accepted, and what it takes on this machine.

    Raises:
        OwnNetworkUnusable: it cannot be loaded or asked.
    """
    before = resident_bytes()
    with _of_the_hospital(manifest.path):
        passive = PassiveLiveness.of(manifest)
        passive.answer()  # the first takes longer
        began_s = time.perf_counter()
        passive.answer()
        answer_ms = (time.perf_counter() - began_s) * 1e3 / passive.DRAWN
        return passive, Cost(answer_ms, (resident_bytes() - before) / 1e6)


@contextmanager
def _of_the_hospital(manifest: Path) -> Iterator[None]:
    """What is wrong in this block is so with the hospital's own network: not with what this software brings."""
    try:
        yield
    except (ModelFileError, ModelWrong, NetworkFailed) as error:
        raise OwnNetworkUnusable(manifest, error) from error
