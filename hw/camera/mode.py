"""What the camera URI's options ask for, and the pace at which a source without a clock of its own delivers it.

Standard library only: the capture process imports this under whichever Python the camera's library needs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hw.errors import BadDeviceUri
from hw.uri import DeviceUri

SIDE_PX = range(16, 1921)
RATE_HZ = range(1, 121)
"""One frame a second at least: a slower source could not be told from a stalled one."""

_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Mode:
    """Size of the delivered frames in pixels and the rate in frames a second (None: the source's own)."""

    width: int
    height: int
    fps: int | None

    @classmethod
    def from_uri(cls, uri: DeviceUri) -> Mode:
        """``?width=640&height=480&fps=15``; 640x480 at the source's own rate where an option is absent.

        Raises:
            BadDeviceUri: an option is no integer or out of range.
        """
        return cls(
            width=_ranged(uri, "width", 640, SIDE_PX),
            height=_ranged(uri, "height", 480, SIDE_PX),
            fps=_ranged(uri, "fps", 1, RATE_HZ) if "fps" in uri.options else None,
        )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame, 8-bit BGR without padding."""
        return self.width * self.height * 3


def _ranged(uri: DeviceUri, option: str, default: int, allowed: range) -> int:
    value = uri.number(option, default)
    if value not in allowed:
        raise BadDeviceUri(uri.text, f"option {option!r} must be {allowed[0]} to {allowed[-1]}, not {value}")
    return value


class Pace:
    """Holds a source that could run ahead to its frame rate."""

    def __init__(self, fps: float) -> None:
        self._period_ns = round(_NANO / fps)
        self._due_ns = 0

    def wait(self) -> int:
        """Sleep until the next frame is due; returns the time then, CLOCK_MONOTONIC in ns: the frame's capture time.

        A source that fell behind goes on from now; it does not race to catch up.
        """
        now_ns = time.monotonic_ns()
        if self._due_ns > now_ns:
            time.sleep((self._due_ns - now_ns) / _NANO)
            now_ns = time.monotonic_ns()
        late = now_ns - self._due_ns > self._period_ns
        self._due_ns = (now_ns if late else self._due_ns) + self._period_ns
        return now_ns
