"""``sim:person?scene=FILE&light=FILE``: a person, or an attack, before the camera, lit by the simulated ring.

With ``lacks=white_balance,gain`` it is a camera that cannot hold these.

``scene`` is a file that :class:`~hw.camera.simulated_scene.Scene` describes; write it anew by renaming and the scene
changes. An act (turn, blink) begins when its scene is first seen. ``light`` is the room's, see `simulated_light`.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

import cv2

from hw.camera.errors import UnreadablePicture
from hw.camera.mode import Mode, Pace
from hw.camera.simulated_lens import EXPOSURE_S, Lens
from hw.camera.simulated_light import RoomLight
from hw.camera.simulated_scene import load_scene
from hw.camera.sources import Setting, Shot
from hw.errors import BadDeviceUri
from hw.uri import DeviceUri

DEFAULT_FPS = 15
_NANO = 1_000_000_000


class SceneCamera:
    """A camera before which a scene file stands."""

    def __init__(self, device: str, scene: Path, light: Path, mode: Mode, lacks: Collection[str] = ()) -> None:
        self.identity = ""  # the URI's
        self._held_s: dict[Setting, float] = {}
        self._holds = tuple(one for one in Setting if one not in lacks)
        self._device = device
        self._path = scene
        self._light = RoomLight(light)
        self._mode = mode
        self._pace = Pace(mode.fps or DEFAULT_FPS)
        self._seen: tuple[int, int] | None = None
        self._refresh()

    def read(self) -> Shot:
        """The scene in the light of its exposure, which ends when the picture is due.

        Raises:
            UnreadablePicture: the scene file, its picture or the light's file is damaged.
        """
        self._refresh()
        captured_ns = self._pace.wait()
        end_ns = captured_ns - round(self._lens.scene.delay_ms * 1e6)
        try:
            light = self._light.history().mean(end_ns - round(EXPOSURE_S * _NANO), end_ns)
        except ValueError as error:
            raise UnreadablePicture(self._device, str(error)) from error
        act_s = (captured_ns - self._since_ns) / _NANO
        return Shot(self._lens.picture(captured_ns / _NANO, light, act_s), captured_ns)

    def hold(self, held: bool) -> tuple[Setting, ...]:
        """Hold exposure and white balance as they are, or let them drift; what stands still. Its gain never moves."""
        self._held_s = dict.fromkeys(self._holds if held else (), time.monotonic())
        self._lens.held_s = self._held_s
        return tuple(self._held_s)

    def _refresh(self) -> None:
        seen = self._stamp()
        if seen == self._seen:
            return
        try:
            self._lens = Lens(load_scene(self._path), self._mode.width, self._mode.height)
        except ValueError as error:
            raise UnreadablePicture(self._device, f"scene {self._path.name}: {error}") from error
        self._lens.held_s = self._held_s  # somebody else stands there, before the same camera
        self._seen = seen
        self._since_ns = time.monotonic_ns()

    def _stamp(self) -> tuple[int, int]:
        """What changes when another file takes the place; zeros without one."""
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return (0, 0)
        return about.st_ino, about.st_mtime_ns


def open_scene(uri: DeviceUri, mode: Mode) -> SceneCamera:
    """The camera of ``uri``.

    Raises:
        BadDeviceUri: no light's file is named, or what it lacks is no :class:`Setting`.
        UnreadablePicture: the scene file or its picture is damaged.
    """
    cv2.setNumThreads(1)
    if "light" not in uri.options:
        raise BadDeviceUri(uri.text, "a scene needs the option 'light', the file that the simulated ring writes")
    lacks = uri.options["lacks"].split(",") if "lacks" in uri.options else []
    if not set(lacks) <= set(Setting):
        raise BadDeviceUri(uri.text, f"option 'lacks' takes, with commas, {', '.join(Setting)}")
    return SceneCamera(uri.text, Path(uri.options["scene"]), Path(uri.options["light"]), mode, lacks)
