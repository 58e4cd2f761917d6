"""Where frames come from. One module a URI scheme, imported only inside the capture process.

A source module offers ``open_source(uri, mode) -> Source``. It may import whatever its camera needs (the capture
process runs under the Python that has it); this module imports only the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from hw.errors import BadDeviceUri, DeviceProtocolError
from hw.uri import DeviceUri

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hw.camera.mode import Mode


@unique
class Setting(StrEnum):
    """What a camera's automatics move and a challenge wants to stand still, in the words of the record."""

    EXPOSURE = "exposure"
    GAIN = "gain"
    WHITE_BALANCE = "white_balance"


class Shot(NamedTuple):
    """One captured picture: uint8 (height, width, 3) BGR, and CLOCK_MONOTONIC at capture in ns."""

    image: npt.NDArray[np.uint8]
    captured_ns: int


def checked(image: npt.NDArray[Any], device: str) -> npt.NDArray[np.uint8]:
    """``image``, if it is what :class:`Shot` says.

    Raises:
        DeviceProtocolError: it is of another shape or type, or empty.
    """
    if image.dtype.name != "uint8" or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        found = f"{image.dtype} {image.shape}"
        raise DeviceProtocolError(device, f"its picture is {found}, not uint8 (height, width, 3) of 1 pixel or more")
    return image


class Source(Protocol):
    """An open camera, video or folder."""

    def read(self) -> Shot:
        """Wait for the next picture. The caller copies it before it reads again.

        Raises:
            HardwareError: as the source sees it.
            OSError: as the operating system sees it; the capture process names it.
        """


@runtime_checkable
class Holdable(Protocol):
    """A source whose exposure, gain and white balance can be held."""

    def hold(self, held: bool) -> tuple[Setting, ...]:
        """Hold them as they are, or let the automatics go on. Raises as :meth:`Source.read` does.

        Returns:
            What stands still now, in the order of :class:`Setting`: not what was asked of the camera.
        """


@runtime_checkable
class Named(Protocol):
    """A source that tells which camera it has open, by `hw.camera.identity.plain`; of any other its URI does."""

    @property
    def identity(self) -> str:
        """Another text is another camera; the same tells the same after a restart. Empty where nothing tells."""


class SourceModule(Protocol):
    """What :data:`SOURCES` names."""

    def open_source(self, uri: DeviceUri, mode: Mode) -> Source:
        """Open ``uri``; raises as :meth:`Source.read` does."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Module of a scheme, and the options it takes beside width, height and fps."""

    module: str
    options: frozenset[str] = field(default_factory=frozenset)


SOURCES: Mapping[str, Entry] = MappingProxyType(
    {
        "replay": Entry("hw.camera.sources.replay"),
        "v4l2": Entry("hw.camera.sources.v4l2"),
        "picamera": Entry("hw.camera.sources.picamera"),
        "sim": Entry(
            "hw.camera.simulator", frozenset({"fault", "after_frames", "scene", "light", "identity", "lacks"})
        ),
    }
)
_COMMON = frozenset({"width", "height", "fps"})


def entry_for(uri: DeviceUri) -> Entry:
    """The source that serves ``uri``.

    Raises:
        BadDeviceUri: no source serves this scheme, or it does not know an option.
    """
    entry = SOURCES.get(uri.scheme)
    if entry is None:
        known = ", ".join(f"{scheme}:" for scheme in (*SOURCES, "none"))
        raise BadDeviceUri(uri.text, f"no camera source serves {uri.scheme}: in this version; use one of {known}")
    unknown = sorted(set(uri.options) - _COMMON - entry.options)
    if unknown:
        known = ", ".join(sorted(_COMMON | entry.options))
        raise BadDeviceUri(uri.text, f"unknown option {unknown[0]!r}; known for {uri.scheme}: are {known}")
    return entry
