"""All that the daemon needs of this package: find faces, make templates, compare them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.alignment import align
from models.comparison import Comparison, OperatingPoint, compare, load_operating_point
from models.detector import Detector, Face
from models.embedding import Embedder, Template
from models.image import Image
from models.manifest import MANIFEST, ROLES, Manifest


class FaceModels:
    """The loaded networks. Not for two threads at once: each thread loads its own (about 20 MB)."""

    def __init__(self, detector: Detector, embedder: Embedder, point: OperatingPoint, hashes: dict[str, str]) -> None:
        """Use `load`; ``hashes`` maps a role to the SHA-256 of its weights, for the record."""
        self._detector = detector
        self._embedder = embedder
        self.operating_point = point
        self.hashes = hashes

    @classmethod
    def load(cls, num_threads: int = 1, manifest: Path = MANIFEST) -> FaceModels:
        """Verify and load what ``manifest`` names.

        Raises:
            ModelMissing, ModelCorrupt: a file is missing or is not the manifest's.
            RuntimeMissing: no TFLite interpreter is installed.
        """
        models = Manifest.load(manifest)
        detector, embedding = (models.entry(role) for role in ROLES)
        return cls(
            Detector(models.network(detector, num_threads)),
            Embedder(models.network(embedding, num_threads), embedding),
            load_operating_point(),
            {entry.role: entry.sha256 for entry in (detector, embedding)},
        )

    def detect(self, image: Image, *, refine: bool = True) -> tuple[Face, ...]:
        """At most eight faces in a BGR picture (uint8, (height, width, 3)), largest first; empty when there is none.

        ``refine`` False leaves the second, exact pass out: for a preview, never for a template.

        Raises:
            ImageError: ``image`` is no picture.
        """
        return self._detector.detect(image, refine=refine)

    def template(self, image: Image, face: Face) -> Template:
        """The template of ``face``, which `detect` found in the same ``image``.

        Raises:
            ImageError: ``image`` is no picture, or the face's landmarks lie in one point.
        """
        return self._embedder.template(align(image, face.landmarks))

    def compare(self, reference: Template, live: Template) -> Comparison:
        """Cosine and decision at `operating_point`.

        Raises:
            TemplateMismatch: the two come from different networks.
        """
        return compare(reference, live, self.operating_point)


def nearest_face(faces: Iterable[Face]) -> Face | None:
    """The face with the largest box: whoever stands nearest to the camera. None when there is none."""
    return max(faces, key=lambda face: face.area_px, default=None)
