"""A V4L2 camera's exposure, gain and white balance, held as they are while a light challenge runs.

Numbers from the kernel's include/uapi/linux/v4l2-controls.h and videodev2.h. Asked by ioctl on a descriptor of its own:
controls belong to the device, and OpenCV maps only some of them.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from enum import IntEnum, unique
from typing import Final

from hw.camera.identity import Ioctl
from hw.camera.sources import Setting


@unique
class Control(IntEnum):
    """Control identifiers, V4L2_CID_..."""

    AUTO_WHITE_BALANCE = 0x0098090C
    AUTOGAIN = 0x00980912
    GAIN = 0x00980913
    WHITE_BALANCE_TEMPERATURE = 0x0098091A
    BACKLIGHT_COMPENSATION = 0x0098091C
    EXPOSURE_AUTO = 0x009A0901
    EXPOSURE_ABSOLUTE = 0x009A0902
    EXPOSURE_AUTO_PRIORITY = 0x009A0903


VIDIOC_G_CTRL: Final = 0xC008561B
VIDIOC_S_CTRL: Final = 0xC008561C
VIDIOC_QUERYCTRL: Final = 0xC0445624
EXPOSURE_MANUAL: Final = 1
_CONTROL: Final = struct.Struct("=Ii")
_QUERY: Final = struct.Struct("=II32s4iI2I")
"""struct v4l2_queryctrl: identifier, type, name, minimum, maximum, step, default, flags, reserved."""
_DEFAULT: Final = 6

AUTOMATIC: Final = {
    Control.EXPOSURE_AUTO: EXPOSURE_MANUAL,
    Control.EXPOSURE_AUTO_PRIORITY: 0,
    Control.AUTOGAIN: 0,
    Control.AUTO_WHITE_BALANCE: 0,
    Control.BACKLIGHT_COMPENSATION: 0,
}
"""What moves by itself, and the value at which it stands still."""
KEPT: Final = {
    Setting.EXPOSURE: ((Control.EXPOSURE_AUTO,), Control.EXPOSURE_ABSOLUTE),
    Setting.GAIN: ((Control.AUTOGAIN, Control.EXPOSURE_AUTO), Control.GAIN),
    Setting.WHITE_BALANCE: ((Control.AUTO_WHITE_BALANCE,), Control.WHITE_BALANCE_TEMPERATURE),
}
"""What moves each, its own automatic first, and the value that is then kept as the automatic has found it.

Of USB cameras one automatic moves exposure and gain.
"""
_LACKING: Final = frozenset({errno.EINVAL, errno.ENOTTY, errno.EACCES, errno.EBUSY, errno.ERANGE, errno.EIO})
"""A control that this camera lacks, or that an automatic governs at this moment."""


class Controls:
    """The controls of the camera behind a descriptor. A camera that lacks one is held by the others."""

    def __init__(self, fd: int, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._fd = fd
        self._ioctl = ioctl
        self._before: dict[Control, int] = {}

    def get(self, control: Control) -> int | None:
        """Its value, or None when the camera has none."""
        return self._ask(VIDIOC_G_CTRL, control, 0)

    def set(self, control: Control, value: int) -> bool:
        """Whether the camera took the value."""
        return self._ask(VIDIOC_S_CTRL, control, value) is not None

    def automate(self) -> None:
        """Let every automatic run as the camera's maker left it.

        Who held them may have been killed meanwhile, and the camera still stands as it was held.
        """
        for control in AUTOMATIC:
            default = self._default(control)
            if default is not None:
                self.set(control, default)

    def hold(self) -> tuple[Setting, ...]:
        """Stop every automatic where it is; returns what stands still. Holding twice changes nothing."""
        if not self._before:
            found = {control: self.get(control) for control in (*AUTOMATIC, *(value for _, value in KEPT.values()))}
            held = {control: value for control, value in found.items() if value is not None}
            self._before = {
                control: before for control, before in held.items() if self.set(control, AUTOMATIC.get(control, before))
            }
        return tuple(setting for setting in Setting if self._stands(setting))

    def _stands(self, setting: Setting) -> bool:
        """Whether nothing moves ``setting`` any more, by the camera's word: it may have taken a value and gone on.

        A camera with neither an automatic nor a value for it moves it as it likes.
        """
        automatics, value = KEPT[setting]
        still = all(self.get(one) in (None, AUTOMATIC[one]) for one in automatics)
        return still and (automatics[0] in self._before or value in self._before)

    def release(self) -> None:
        """Let every automatic go on as before; the values follow by themselves."""
        for control in AUTOMATIC:
            if control in self._before:
                self.set(control, self._before[control])
        self._before = {}

    def _default(self, control: Control) -> int | None:
        buffer = bytearray(_QUERY.pack(control, 0, b"", 0, 0, 0, 0, 0, 0, 0))
        return int(_QUERY.unpack(buffer)[_DEFAULT]) if self._answered(VIDIOC_QUERYCTRL, buffer) else None

    def _ask(self, request: int, control: Control, value: int) -> int | None:
        buffer = bytearray(_CONTROL.pack(control, value))
        return int(_CONTROL.unpack(buffer)[1]) if self._answered(request, buffer) else None

    def _answered(self, request: int, buffer: bytearray) -> bool:
        try:
            self._ioctl(self._fd, request, buffer)
        except OSError as error:
            if error.errno in _LACKING:
                return False
            raise
        return True
