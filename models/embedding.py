"""A face as 128 numbers: SFace, or whatever network the manifest names for the role `embedding`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from models.errors import ImageError, NetworkFailed
from models.image import FloatArray, Image, unit
from models.interpreter import Network
from models.manifest import Entry, Manifest
from models.memory import give_back
from models.preprocessing import Preprocessing
from models.projection import Kind


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A face as a unit vector, float32 (length,), and the SHA-256 of what made it: the projection, else the network.

    It is a person's biometric datum: it lives in memory for one check, and its repr does not show it.
    """

    vector: FloatArray = field(repr=False)
    model: str


Way: TypeAlias = Literal["embedding", "embedding_chip"]
"""From an aligned face to a vector: by the embedder's own stem, or by the one that was taught for chip photos."""
WAYS: Mapping[Kind, tuple[Way, ...]] = {Kind.LIVE: ("embedding",), Kind.CHIP: ("embedding", "embedding_chip")}
"""How each kind of picture is seen. A chip photo is seen by both stems: what only one of them takes for somebody
averages out."""


class Embedder:
    """The embedding network behind numpy. Not for two threads at once.

    One stem is in memory at a time, the one that was asked last: changing it takes 7 ms, twice in a check, keeping both
    8 MB.
    """

    def __init__(
        self, stems: Mapping[Way, Callable[[], Network]], trunk: Network | None, preprocessing: Preprocessing
    ) -> None:
        """``preprocessing`` makes the stems' input from a picture; without ``trunk`` a stem is the whole network.

        ``stems`` are called for whenever another one was asked before. Without one for chip photos, the one for live
        pictures sees all.
        """
        self._stems = stems
        self._trunk = trunk
        self._preprocessing = preprocessing
        self._loaded: tuple[Way, Network] | None = None
        for way in reversed(WAYS[Kind.CHIP]):  # Whether each loads is known from the start; the live one stays.
            if way in stems:
                self._shape = self._stem(way).input_type.shape[1:]

    @classmethod
    def load(cls, manifest: Manifest, entry: Entry, num_threads: int) -> Embedder:
        """Verify and load what ``entry`` of ``manifest`` names.

        Raises:
            ModelMissing, ModelCorrupt: a file is missing or is not the manifest's.
        """
        stems: dict[Way, Callable[[], Network]] = {"embedding": manifest.opener(entry, num_threads)}
        if entry.chip is not None:
            stems["embedding_chip"] = manifest.opener(entry.chip, num_threads)
        trunk = None if entry.trunk is None else manifest.network(entry.trunk, num_threads)
        return cls(stems, trunk, entry.preprocessing)

    @property
    def side_px(self) -> int:
        """Side of the network's square input."""
        return self._shape[0]

    def raw(self, aligned: Image, way: Way) -> FloatArray:
        """The network's own output, float32 (length,), of an aligned face: BGR, uint8, (112, 112, 3).

        Raises:
            ImageError: another shape or dtype.
        """
        return self._answers([aligned], way)[0]

    def embed(self, looks: Sequence[Image], kind: Kind) -> FloatArray:
        """The unit vectors, float32 (ways x looks, length), of looks at one aligned face, by each way for ``kind``.

        Raises:
            ImageError: another shape or dtype, or no look.
            NetworkFailed: the runtime gives no answer, or one that is no number: nobody is compared by that.
        """
        if not looks:
            raise ImageError("a face is embedded by at least one look at it")
        ways = [way for way in WAYS[kind] if way in self._stems]
        return np.stack([unit(row) for way in ways for row in self._answers(looks, way)])

    def _answers(self, looks: Sequence[Image], way: Way) -> list[FloatArray]:
        inputs = [self._preprocessing.apply(self._required(look)) for look in looks]
        stem = self._stem(way if way in self._stems else "embedding")
        seen = [stem.run(value) for value in inputs]
        answers = [(part if self._trunk is None else self._trunk.run(part)).ravel() for part in seen]
        if not np.all(np.isfinite(answers)):
            raise NetworkFailed(f"the embedder's answer is no number; {NetworkFailed.advice}")
        return answers

    def _stem(self, way: Way) -> Network:
        """The stem for ``way``, in place of the one before."""
        if self._loaded is None or self._loaded[0] != way:
            self._loaded = None
            give_back()
            self._loaded = way, self._stems[way]()
        return self._loaded[1]

    def _required(self, aligned: Image) -> Image:
        if getattr(aligned, "dtype", None) != np.uint8 or aligned.shape != self._shape:
            found = f"{getattr(aligned, 'dtype', type(aligned).__name__)} {getattr(aligned, 'shape', '')}"
            raise ImageError(f"an aligned face is uint8 {self._shape}, not {found}")
        return aligned
