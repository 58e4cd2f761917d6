"""Whose face answered? Frames kept of the challenges, held against the face that was compared with the card.

Somebody may show her picture to the comparison and answer with another face. A face that is turned or blinks as it was
asked to cannot be recognised, and says nothing for or against: so enough have to be seen while the challenge ran that
was answered, the last of them once it was. One that is not recognised for what nobody asked for, covered, far away or
in the dark, answers for nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from daemon.liveness.eyes import Eyes
from hw.camera.frame import Frame
from models.comparison import Decision as Match
from models.detector import Face
from models.embedding import Template
from models.errors import ImageError
from models.face import nearest_face
from models.liveness.fusion import Check
from models.liveness.result import CheckResult, Decision, Evidence
from models.quality import Cause

LEAST = 2
"""Faces seen well enough in each challenge that was answered: one may be a picture that is just being lowered."""
MOVED = frozenset({Cause.TURNED, Cause.NODDED, Cause.EYES_CLOSED})
"""What a movement brings about; a turned face's mouth may seem covered too. Colours bring about nothing of the kind."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A frame in which a face was followed.

    Attributes:
        frame: turned so that the face is upright.
        centre: the middle of that face, (x, y) in pixels of the frame.
        asking: the number of what was asked just then, from 1; 0: nothing.
        excused: what that brings about.
    """

    frame: Frame
    centre: tuple[float, float]
    asking: int
    excused: frozenset[Cause] = frozenset()


def same_face(eyes: Eyes, live: Template, witnesses: Sequence[Witness], answered: Collection[int]) -> CheckResult:
    """Whether the face that answered is the one that was compared.

    Args:
        eyes: the networks.
        live: the template that matched the card.
        witnesses: all are looked at.
        answered: numbers of what was asked and said live.

    Returns:
        Live; unsure for ``another_face``, and for ``face_not_seen`` where fewer than :data:`LEAST` faces were seen well
        enough, of each challenge in ``answered`` or, where there is none, altogether; where the last of one that was
        answered was not, or in any of it was nobody who could be recognised, without that excuse.
    """
    looks = [(one.asking, _look(eyes, live, one)) for one in witnesses]
    seen = [(asking, look.score) for asking, look in looks if look.score is not None]
    scores, asked = [score for _, score in seen], [asking for asking, _ in seen]
    evidence: dict[str, Evidence] = {"frames": len(scores), "looked_at": len(witnesses)}
    if scores:
        lowest, threshold = min(scores), eyes.models.operating_point.threshold
        evidence |= {"score": round(lowest, 4), "threshold": threshold}
        if lowest < threshold:
            return CheckResult(Check.SAME_FACE, Decision.UNSURE, ("another_face",), evidence)
    of_answers = {number: [look for asking, look in looks if asking == number] for number in answered}
    in_doubt = any(one[-1].score is None or any(look.hidden for look in one) for one in of_answers.values() if one)
    if in_doubt or len(scores) < LEAST or any(asked.count(number) < LEAST for number in answered):
        return CheckResult(Check.SAME_FACE, Decision.UNSURE, ("face_not_seen",), evidence)
    return CheckResult(Check.SAME_FACE, Decision.LIVE, (), evidence)


@dataclass(frozen=True, slots=True)
class _Look:
    """How like the compared face it is; None where it is not seen well enough to say that it is another.

    ``hidden``: it may be, and nothing that was asked excuses that.
    """

    score: float | None
    hidden: bool = False


def _look(eyes: Eyes, live: Template, witness: Witness) -> _Look:
    face, causes = _followed(eyes, witness)
    if face is None:
        return _Look(None, not witness.excused)
    found = eyes.models.compare(live, eyes.models.template(witness.frame.image, face))
    if not causes:
        return _Look(found.score)
    return _Look(None, found.decision is Match.NO_MATCH and not witness.excused.intersection(causes))


def recognisable(eyes: Eyes, witness: Witness) -> bool:
    """Whether the face that was followed can be recognised in this frame."""
    face, causes = _followed(eyes, witness)
    return face is not None and not causes


def _followed(eyes: Eyes, witness: Witness) -> tuple[Face | None, tuple[Cause, ...]]:
    """The face that was followed, as the detector sees it, and why it cannot be recognised."""
    image = witness.frame.image
    try:
        face = nearest_face(face for face in eyes.models.detect(image) if _holds(face, witness.centre))
        return face, eyes.models.assess(image, face).causes if face else ()
    except ImageError:  # landmarks in one point: no face that anybody can be known by
        return None, ()


def _holds(face: Face, point: tuple[float, float]) -> bool:
    left, top, width, height = face.box
    return 0 <= point[0] - left <= width and 0 <= point[1] - top <= height
