"""Whose face answered? Frames kept of the challenges, held against the face that was compared with the card.

Somebody may show her picture to the comparison and answer with another face. A face that cannot be recognised, covered
or turned, says nothing for or against: so enough have to be seen while the challenge ran that was answered.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from daemon.liveness.eyes import Eyes
from hw.camera.frame import Frame
from models.detector import Face
from models.embedding import Template
from models.face import nearest_face
from models.liveness.fusion import Check
from models.liveness.result import CheckResult, Decision, Evidence

LEAST = 2
"""Faces seen well enough in each challenge that was answered: one may be a picture that is just being lowered."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A frame in which a face was followed.

    Attributes:
        frame: turned so that the face is upright.
        centre: the middle of that face, (x, y) in pixels of the frame.
        asking: the number of what was asked just then, from 1; 0: nothing.
    """

    frame: Frame
    centre: tuple[float, float]
    asking: int


def same_face(eyes: Eyes, live: Template, witnesses: Sequence[Witness], answered: Collection[int]) -> CheckResult:
    """Whether the face that answered is the one that was compared.

    Args:
        eyes: the networks.
        live: the template that matched the card.
        witnesses: all are looked at.
        answered: numbers of what was asked and said live.

    Returns:
        Live; unsure for ``another_face``, and for ``face_not_seen`` where fewer than :data:`LEAST` faces were seen well
        enough, of each challenge in ``answered`` or, where there is none, altogether.
    """
    seen = [(one.asking, score) for one in witnesses if (score := _score(eyes, live, one)) is not None]
    scores, asked = [score for _, score in seen], [asking for asking, _ in seen]
    evidence: dict[str, Evidence] = {"frames": len(scores), "looked_at": len(witnesses)}
    if scores:
        lowest, threshold = min(scores), eyes.models.operating_point.threshold
        evidence |= {"score": round(lowest, 4), "threshold": threshold}
        if lowest < threshold:
            return CheckResult(Check.SAME_FACE, Decision.UNSURE, ("another_face",), evidence)
    if len(scores) < LEAST or any(asked.count(number) < LEAST for number in answered):
        return CheckResult(Check.SAME_FACE, Decision.UNSURE, ("face_not_seen",), evidence)
    return CheckResult(Check.SAME_FACE, Decision.LIVE, (), evidence)


def _score(eyes: Eyes, live: Template, witness: Witness) -> float | None:
    """How like the face is that was followed; None where it cannot be recognised."""
    models, image = eyes.models, witness.frame.image
    face = nearest_face(face for face in models.detect(image) if _holds(face, witness.centre))
    if face is None or not models.assess(image, face).usable:
        return None
    return models.compare(live, models.template(image, face)).score


def _holds(face: Face, point: tuple[float, float]) -> bool:
    left, top, width, height = face.box
    return 0 <= point[0] - left <= width and 0 <= point[1] - top <= height
