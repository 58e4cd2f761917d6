"""All that the daemon needs of this package: find faces, judge them, make templates, compare them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from models import fusion, quality
from models.alignment import align
from models.comparison import Comparison, OperatingPoint, compare, load_operating_point
from models.detector import Detector, Face
from models.embedding import Embedder, Template, Way
from models.image import FloatArray, Image, unit
from models.manifest import MANIFEST, Manifest
from models.projection import Kind, Projection

Asked: TypeAlias = Literal["detector"] | Way
ASKED: tuple[Asked, ...] = ("detector", "embedding", "embedding_chip")


class FaceModels:
    """The loaded networks. Not for two threads at once: each thread loads its own (about 45 MB with the runtime)."""

    def __init__(
        self,
        detector: Detector,
        embedder: Embedder,
        projection: Projection | None,
        point: OperatingPoint,
        hashes: dict[str, str],
        ways: dict[str, str],
        space: str,
    ) -> None:
        """Use `load`.

        ``hashes`` maps a role to the SHA-256 of its file, for the record; ``ways`` the role of a file that sees
        pictures to the SHA-256 of all that makes its answer (`Entry.ways`). Templates and thresholds of one ``space``,
        a SHA-256, belong together.
        """
        self._detector = detector
        self._embedder = embedder
        self._projection = projection
        self.operating_point = point
        self.hashes = hashes
        self.ways = ways
        self.space = space

    @classmethod
    def load(cls, num_threads: int = 1, manifest: Path = MANIFEST) -> FaceModels:
        """Verify and load what ``manifest`` names.

        Raises:
            ModelMissing, ModelCorrupt: a file is missing or is not the manifest's.
            RuntimeMissing: no TFLite interpreter is installed.
        """
        models = Manifest.load(manifest)
        detector, embedding = models.entry("detector"), models.entry("embedding")
        hashes = {"detector": detector.sha256, "embedding": embedding.sha256}
        parts = {"embedding_chip": embedding.chip, "embedding_trunk": embedding.trunk}
        hashes |= {name: part.sha256 for name, part in parts.items() if part is not None}
        projection = models.projection_for(embedding)
        if projection is not None:
            hashes["projection"] = projection.sha256
        return cls(
            Detector.load(models, num_threads),
            Embedder.load(models, embedding, num_threads),
            models.load_projection(projection) if projection is not None else None,
            load_operating_point(),
            hashes,
            {**detector.ways, **embedding.ways},
            embedding.identity if projection is None else projection.sha256,
        )

    def detect(self, image: Image, *, refine: bool = True, around: bool | None = None) -> tuple[Face, ...]:
        """At most eight faces in a BGR picture (uint8, (height, width, 3)), largest first; empty when there is none.

        ``refine`` False leaves the second, exact pass out: for a preview, never for a template. ``around``: whether to
        look for faces that lie; see `Detector.detect`.

        Raises:
            ImageError: ``image`` is no picture.
        """
        return self._detector.detect(image, refine=refine, around=around)

    def assess(self, image: Image, face: Face) -> quality.Quality:
        """Is ``face``, which `detect` found in the same ``image``, good enough for a live template? About 0.4 ms.

        Raises:
            ImageError: ``image`` is no picture, or the face's landmarks lie in one point.
        """
        return quality.assess(image, face)

    def reference(self, photo: Image, face: Face) -> Template:
        """The template of the chip photo, once for each check: its face and its mirror image's together.

        ``face`` is one that `FaceMesh.steadied` gave: the thresholds were measured so.

        Raises:
            ImageError: ``photo`` is no picture, or the face's landmarks lie in one point.
        """
        return self._template(self.looks(photo, face, Kind.CHIP), Kind.CHIP)

    def template(self, image: Image, face: Face, *, mirrored: bool = False) -> Template:
        """The template of ``face``, which `detect` found in the same live ``image``.

        ``mirrored`` looks at the mirror image. For every other frame of those that are fused it costs nothing and
        averages out what the network sees in one side only.

        Raises:
            ImageError: ``image`` is no picture, or the face's landmarks lie in one point.
        """
        aligned = align(image, face.landmarks)
        return self._template(self._embedder.embed([flipped(aligned) if mirrored else aligned], Kind.LIVE), Kind.LIVE)

    def looks(self, image: Image, face: Face, kind: Kind) -> FloatArray:
        """The network's own unit vectors, float32 (looks, length): of the face and of its mirror image.

        Raises:
            ImageError: ``image`` is no picture, or the face's landmarks lie in one point.
        """
        aligned = align(image, face.landmarks)
        return self._embedder.embed([aligned, flipped(aligned)], kind)

    def project(self, looks: FloatArray, kind: Kind) -> FloatArray:
        """What is compared, float32 (..., length), from ``looks`` (..., looks, length) at the same face."""
        mean = unit(looks.sum(axis=-2))
        return mean if self._projection is None else self._projection.apply(mean, kind)

    def fuse(self, templates: Sequence[Template]) -> Template:
        """One template from those of several frames of one face.

        Raises:
            ValueError: there is none.
            TemplateMismatch: they come from different models.
        """
        return fusion.fuse(templates)

    def of_one_face(self, templates: Sequence[Template], another: Template) -> bool:
        """Whether ``another`` may be fused with ``templates``: shows the face that every one of them shows.

        Raises:
            TemplateMismatch: they come from different models.
        """
        return fusion.of_one_face(templates, another)

    def compare(self, reference: Template, live: Template) -> Comparison:
        """Cosine and decision at `operating_point`.

        Raises:
            TemplateMismatch: the two come from different models.
        """
        return compare(reference, live, self.operating_point)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The ways from a picture to a network's answer, by the role of the file that sees the picture."""
        return tuple(role for role in ASKED if role in self.ways)

    def side_px(self, role: Asked) -> int:
        """Side of the network's square input."""
        return (self._detector if role == "detector" else self._embedder).side_px

    def raw(self, role: Asked, picture: Image) -> FloatArray:
        """The network's own output for a picture of exactly its input's size; for `models.selfcheck`.

        Raises:
            ImageError: another size (embedding).
        """
        if role == "detector":
            return self._detector.raw(picture)
        return self._embedder.raw(picture, role)

    def _template(self, looks: FloatArray, kind: Kind) -> Template:
        vector = self.project(looks, kind)
        vector.setflags(write=False)
        return Template(vector, self.space)


def flipped(aligned: Image) -> Image:
    """The mirror image."""
    return np.ascontiguousarray(aligned[:, ::-1])


def nearest_face(faces: Iterable[Face]) -> Face | None:
    """The face with the largest box: whoever stands nearest to the camera. None when there is none."""
    return max(faces, key=lambda face: face.area_px, default=None)
