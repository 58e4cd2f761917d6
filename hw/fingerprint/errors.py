"""What can go wrong with a fingerprint module, sorted by what the caller can do.

No error carries a print, a template or a password.
"""

from __future__ import annotations

from enum import Enum, unique

from hw.errors import HardwareError
from hw.fingerprint.codec import describe_confirmation, describe_instruction


@unique
class ImageFault(Enum):
    """Why an image of a finger cannot be used."""

    TOO_DRY = "too dry"
    TOO_WET = "too wet"
    MESSY = "smeared"
    TOO_FEW_FEATURES = "too few features"
    UNUSABLE = "unusable image"


class FingerprintError(HardwareError):
    """Root of what only a fingerprint module raises; the line's own errors are in :mod:`hw.errors`."""


class NoFinger(FingerprintError):
    """Nobody put a finger on in time: ask again, or go the way without a finger."""

    advice = "ask the person to put the finger on the sensor, or go on without it"


class BadImage(FingerprintError):
    """A finger was there and no image of it could be used: another finger, or the way without one."""

    advice = "wipe the sensor and the finger, or take another finger"

    def __init__(self, device: str, fault: ImageFault) -> None:
        super().__init__(device, f"no usable image of the finger: {fault.value}")
        self.fault = fault


class CaptureStopped(FingerprintError):
    """The caller's stop event was set: nothing to repair."""

    advice = "nothing: the capture was stopped"


class CombineFailed(FingerprintError):
    """The captures of an enrolment never agreed: start the enrolment again, with one and the same finger."""

    advice = "enrol again with the same finger, laid flat"


class WrongPassword(FingerprintError):
    """The module has another password: put the right one into the configuration."""

    advice = "configure the module's password; it cannot be read back from the module"


class BadTemplate(FingerprintError):
    """The template is empty, constant or too long: no module can use it. Enrol again."""

    advice = "enrol the finger again"


class ModuleRefused(FingerprintError):
    """The module answered with a confirmation code that means no.

    Attributes:
        instruction: what was asked, see :class:`hw.fingerprint.codec.Instruction`.
        code: what it said, see :class:`hw.fingerprint.codec.Confirmation`; undocumented codes exist.
    """

    advice = "look the code up in hw/fingerprint/README.md; if it stays so, power-cycle or replace the module"

    def __init__(self, device: str, instruction: int, code: int) -> None:
        super().__init__(device, f"{describe_instruction(instruction)} refused: {describe_confirmation(code)}")
        self.instruction = instruction
        self.code = code
