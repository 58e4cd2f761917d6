"""What can go wrong with the co-processor, sorted by what the caller can do. The line's errors: :mod:`hw.errors`."""

from __future__ import annotations

from hw.errors import HardwareError


class CoprocessorError(HardwareError):
    """Root of what only the co-processor raises."""


class VersionMismatch(CoprocessorError):
    """Host and firmware speak different versions: flash the firmware of this release. The door stays open meanwhile.

    Attributes:
        host: the host's protocol version.
        firmware: the firmware's.
    """

    advice = "flash the firmware of this release: vernix-provision flash"

    def __init__(self, device: str, host: int, firmware: int) -> None:
        super().__init__(device, f"the host speaks protocol version {host}, the firmware {firmware}")
        self.host = host
        self.firmware = firmware


class CoprocessorRestarted(CoprocessorError):
    """The co-processor has restarted while it worked on this: start over."""

    advice = "retry; if it stays so, read the reset cause in the event STARTED and check the supply"


class CommandRefused(CoprocessorError):
    """The co-processor does not do what it was told: a fault of this program or of the firmware's release."""

    advice = "flash the firmware of this release: vernix-provision flash"


class LinkBusy(CoprocessorError):
    """More waits to be sent than a working link ever lets wait: the line is down."""

    advice = "check the cable between the Pi and the co-processor"


class ChallengeStopped(CoprocessorError):
    """The light challenge ended early, by an emergency or by the next challenge: start over if there is none."""

    advice = "retry unless there is an emergency"


class BadEventKey(CoprocessorError):
    """The file with the unit's event key is not one: restore it from the unit's folder."""

    advice = "restore coprocessor.key; it is written by vernix-provision flash"
