"""What can go wrong with a camera beyond what every device shares (:mod:`hw.errors`)."""

from __future__ import annotations

from hw.errors import HardwareError


class CameraDark(HardwareError):
    """The camera delivers, but only black for a second or more: a covered lens, a closed shutter, a dead sensor."""

    advice = "uncover the lens or open its shutter; if the picture stays black, replace the camera"


class UnreadablePicture(HardwareError):
    """A picture or video that should be replayed is truncated, damaged or of an unknown format."""

    advice = "replace or remove the named file"
