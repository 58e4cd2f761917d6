"""What the capture process tells its parent: JSON lines on a pipe. Pure; standard library only.

::

    {"event": "loaded"}                                        the source's libraries are imported
    {"event": "ready", "identity": "..."}                      the camera is open and says which it is; frames follow
    {"event": "held", "settings": ["exposure", "gain"]}        from the next frame on these stand still, as was asked
    {"event": "released"}                                      the automatics go on
    {"event": "error", "kind": "busy", "message": "..."}       the last line; the process ends
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from hw.camera.errors import CameraDark, UnreadablePicture
from hw.camera.sources import Setting
from hw.errors import (
    BadDeviceUri,
    DeviceBusy,
    DeviceGone,
    DeviceMissing,
    DeviceProtocolError,
    DeviceTimeout,
    HardwareError,
)

MAX_LINE = 4096
"""A pipe write up to this size is atomic on Linux (PIPE_BUF)."""
_MAX_MESSAGE = 1000

KINDS: dict[str, type[HardwareError]] = {
    "uri": BadDeviceUri,
    "missing": DeviceMissing,
    "busy": DeviceBusy,
    "timeout": DeviceTimeout,
    "gone": DeviceGone,
    "protocol": DeviceProtocolError,
    "dark": CameraDark,
    "picture": UnreadablePicture,
}
_NAMES = {error: name for name, error in KINDS.items()}
_SETTINGS = tuple(Setting)


class StatusError(Exception):
    """The status pipe carried something else than the lines above."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The source's libraries are imported; opening the camera begins."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The camera is open. ``identity``: which one it is, as far as its driver or library tells."""

    identity: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """The parent wants the camera held: what of it stands still, which may be nothing."""

    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Released:
    """The parent wants the camera held no more: its automatics go on."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The capture process gives up: the error to raise in the parent, and its text without the device."""

    error: type[HardwareError]
    message: str

    @classmethod
    def from_error(cls, error: HardwareError) -> Failed:
        """What the parent is to raise for ``error``."""
        return cls(type(error), str(error).removeprefix(f"{error.device}: "))


Event = Loaded | Ready | Held | Released | Failed


def encode(event: Event) -> bytes:
    """One line for ``event``."""
    line: dict[str, str | tuple[str, ...]]
    match event:
        case Loaded():
            line = {"event": "loaded"}
        case Ready(identity):
            line = {"event": "ready", "identity": identity}
        case Held(settings):
            line = {"event": "held", "settings": settings}
        case Released():
            line = {"event": "released"}
        case Failed(error, message):
            line = {"event": "error", "kind": _NAMES[error], "message": _shortened(message)}
    return json.dumps(line).encode() + b"\n"


def _shortened(message: str) -> str:
    # json.dumps escapes to ASCII, where one character can take twelve bytes.
    return message if len(json.dumps(message)) <= _MAX_MESSAGE else message[: _MAX_MESSAGE // 12] + "..."


def decode(line: bytes) -> Event:
    """The event of one line.

    Raises:
        StatusError: it is none of ours.
    """
    try:
        match json.loads(line):
            case {"event": "loaded"}:
                return Loaded()
            case {"event": "ready", "identity": str(identity)}:
                return Ready(identity)
            case {"event": "held", "settings": list(names)} if all(name in _SETTINGS for name in names):
                return Held(tuple(map(Setting, names)))
            case {"event": "released"}:
                return Released()
            case {"event": "error", "kind": str(kind), "message": str(message)} if kind in KINDS:
                return Failed(KINDS[kind], message)
    except (ValueError, RecursionError) as error:
        raise StatusError(f"not JSON: {line[:80]!r}") from error
    raise StatusError(f"unknown status line: {line[:80]!r}")


class StatusReader:
    """Bytes in, events out; holds at most one unfinished line of :data:`MAX_LINE` bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive_data(self, data: bytes) -> None:
        """Take what the pipe delivered."""
        self._buffer += data

    def next_event(self) -> Event | None:
        """The next event, or None until more data came.

        Raises:
            StatusError: a line is none of ours or has no end.
        """
        line, newline, rest = self._buffer.partition(b"\n")
        if not newline:
            if len(line) > MAX_LINE:
                self._buffer.clear()
                raise StatusError("a status line without end")
            return None
        self._buffer = rest
        return decode(bytes(line))
