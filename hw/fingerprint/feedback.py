"""What the person at the sensor is told while a finger is captured; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, unique
from types import MappingProxyType
from typing import Final

from hw.fingerprint.codec import Confirmation
from hw.fingerprint.errors import ImageFault


@unique
class Feedback(Enum):
    """A moment of a capture, for the screen to put into words."""

    WAITING = "waiting for a finger"
    TOO_DRY = "image too dry"
    TOO_WET = "image too wet"
    MESSY = "image smeared"
    TOO_FEW_FEATURES = "too few features"
    LIFT_AND_TRY_AGAIN = "lift the finger and try again"
    DIFFERENT = "the two prints differ: start again with the same finger"
    ONCE_MORE = "first print taken: lift, then lay the same finger again"


OnFeedback = Callable[[Feedback], None]

FAULTS: Final[Mapping[int, ImageFault]] = MappingProxyType(
    {
        Confirmation.ImageFail: ImageFault.UNUSABLE,
        Confirmation.NoValidImage: ImageFault.UNUSABLE,
        Confirmation.ImageTooDry: ImageFault.TOO_DRY,
        Confirmation.ImageTooWet: ImageFault.TOO_WET,
        Confirmation.ImageMessy: ImageFault.MESSY,
        Confirmation.FewFeatures: ImageFault.TOO_FEW_FEATURES,
    }
)
"""Confirmation codes of GenImg and Img2Tz that speak of the image, not of the module."""

_TOLD: Final = MappingProxyType(
    {
        ImageFault.TOO_DRY: Feedback.TOO_DRY,
        ImageFault.TOO_WET: Feedback.TOO_WET,
        ImageFault.MESSY: Feedback.MESSY,
        ImageFault.TOO_FEW_FEATURES: Feedback.TOO_FEW_FEATURES,
        ImageFault.UNUSABLE: Feedback.LIFT_AND_TRY_AGAIN,
    }
)

BAD_IMAGES_BEFORE_LIFT: Final = 3
"""The first image of a finger that is just coming down is often poor, so a lift is not asked for at once."""


class Guide:
    """Turns confirmation codes into feedback, each told when it changes.

    ``fault`` is that of the last unusable image, if there was one.
    """

    def __init__(self, on_feedback: OnFeedback) -> None:
        self._on_feedback = on_feedback
        self._told: Feedback | None = None
        self._bad_in_a_row = 0
        self.fault: ImageFault | None = None

    def observe(self, code: int) -> None:
        """Take the code of one look at the sensor: NoFinger or a key of :data:`FAULTS`."""
        if code == Confirmation.NoFinger:
            self._bad_in_a_row = 0
            self._tell(Feedback.WAITING)
            return
        self.fault = FAULTS[code]
        self._bad_in_a_row += 1
        lift = self._bad_in_a_row >= BAD_IMAGES_BEFORE_LIFT
        self._tell(Feedback.LIFT_AND_TRY_AGAIN if lift else _TOLD[self.fault])

    def _tell(self, feedback: Feedback) -> None:
        if feedback is not self._told:
            self._told = feedback
            self._on_feedback(feedback)
