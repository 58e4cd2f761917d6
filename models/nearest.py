"""The nearest face through the frames of one try, however she lies: on her back on a trolley, a helper beside her.

Looking in all quarter turns takes three to six times as long, so only every few frames it is done; in between the
frames are looked at in the turn in which the nearest face last stood, and that is how they are handed on: every
network and every measure sees her upright, as it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from models.detector import Face, sure
from models.face import FaceModels, nearest_face
from models.image import Image
from models.quarters import QUARTERS, turned

EVERY = 4
"""Frames from one look all around to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The nearest face in a frame, with that frame turned clockwise by ``quarters`` so that she is upright in it.

    ``face`` is in the turned ``image``, ``placed`` the same face in the frame itself.
    """

    image: Image = field(repr=False)
    face: Face = field(repr=False)
    quarters: int
    placed: Face = field(repr=False)


class Nearest:
    """Follows the nearest face. Not for two threads at once."""

    def __init__(self, models: FaceModels) -> None:
        self._models = models
        self._quarters = 0
        self._looked = 0
        self._settled = False

    def look(self, image: Image) -> Sight | None:
        """The nearest face in ``image``; None if nobody is seen.

        Raises:
            ImageError: ``image`` is no picture.
        """
        around = self._looked % EVERY == 0
        self._looked += 1
        view = turned(image, self._quarters)
        face = nearest_face(self._models.detect(view, around=around))
        if around:
            self._settled = face is not None
        # Who lies and has come since the last look around may be taken for somebody upright: a doubtful face waits.
        if face is None or not (self._settled or sure(face)):
            return None
        size = view.shape[1], view.shape[0]
        placed = face.turned(size, -self._quarters)
        more = -face.quarters
        self._quarters = (self._quarters + more) % QUARTERS
        return Sight(turned(view, more), face.turned(size, more), self._quarters, placed)
