"""``replay:``: a folder of pictures or a video in the camera's place, over and over."""

from __future__ import annotations

import stat
from collections import OrderedDict
from pathlib import Path

import cv2

from hw.camera.errors import UnreadablePicture
from hw.camera.mode import RATE_HZ, Mode, Pace
from hw.camera.sources import Shot, Source
from hw.camera.sources.pictures import SUFFIXES, Image, NoPicture, empty_scene, fit, load, next_picture
from hw.errors import DeviceGone, DeviceMissing
from hw.uri import DeviceUri

DEFAULT_FPS = 15
_CACHED = 16


class FolderReplay:
    """The pictures of a folder in name order, one a frame; files that are no pictures by suffix, and hidden ones, are
    passed over.

    The listing is read again before each round, and at once when the folder itself changes: files come or go, or a
    symbolic link on the way now leads elsewhere. Swap by renaming, so that no half-written file is seen.
    """

    def __init__(self, device: str, folder: Path, mode: Mode) -> None:
        self._device = device
        self._folder = folder
        self._mode = mode
        self._pace = Pace(mode.fps or DEFAULT_FPS)
        self._scene = empty_scene(mode)
        self._listed: tuple[int, ...] = ()
        self._round: list[Path] = []
        self._fitted: OrderedDict[tuple[Path, int, int, int], Image] = OrderedDict()

    def read(self) -> Shot:
        """The next picture, or the empty scene.

        Raises:
            DeviceGone: the folder has disappeared.
            UnreadablePicture: a file is damaged.
        """
        image = self._next()
        return Shot(image, self._pace.wait())

    def _next(self) -> Image:
        while True:
            self._refresh()
            if not self._round:
                return self._scene
            try:
                return self._picture(self._round.pop(0))
            except FileNotFoundError:  # removed since it was listed
                self._round.clear()

    def _refresh(self) -> None:
        try:
            about = self._folder.stat()
            now = (about.st_dev, about.st_ino, about.st_mtime_ns)
            if not self._round or now != self._listed:
                self._round = sorted(path for path in self._folder.iterdir() if _is_picture(path))
                self._listed = now
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DeviceGone(self._device, "the folder has disappeared") from error

    def _picture(self, path: Path) -> Image:
        about = path.stat()
        key = (path, about.st_ino, about.st_mtime_ns, about.st_size)
        image = self._fitted.pop(key, None)
        if image is None:
            image = fit(load(path, self._device), self._mode)
        self._fitted[key] = image
        while len(self._fitted) > _CACHED:
            self._fitted.popitem(last=False)
        return image


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


class VideoReplay:
    """A video, from its start again at its end; opened anew each round, so that a renamed-over file is seen then."""

    def __init__(self, device: str, path: Path, mode: Mode) -> None:
        self._device = device
        self._path = path
        self._mode = mode
        self._video = self._opened()
        own = self._video.get(cv2.CAP_PROP_FPS)
        self._pace = Pace(mode.fps or (own if RATE_HZ[0] <= own <= RATE_HZ[-1] else DEFAULT_FPS))
        self._frames = 0

    def _opened(self) -> cv2.VideoCapture:
        if not self._path.is_file():
            raise DeviceGone(self._device, "the video has disappeared")
        video = cv2.VideoCapture(str(self._path))
        if not video.isOpened():
            raise UnreadablePicture(self._device, f"{self._path.name}: not a whole video in a format OpenCV reads")
        return video

    def read(self) -> Shot:
        """The next frame of the video.

        Raises:
            DeviceGone: the file has disappeared.
            UnreadablePicture: it holds no frame that can be decoded.
        """
        try:
            image = next_picture(self._video.read, self._device)
        except NoPicture:  # its end
            image = self._first()
        return Shot(fit(image, self._mode), self._pace.wait())

    def _first(self) -> Image:
        self._video.release()
        self._video = self._opened()
        try:
            return next_picture(self._video.read, self._device)
        except NoPicture as error:
            raise UnreadablePicture(self._device, f"{self._path.name}: {error}") from error


def open_source(uri: DeviceUri, mode: Mode) -> Source:
    """The folder or video of ``uri``.

    Raises:
        DeviceMissing: there is neither.
        UnreadablePicture: the video is damaged.
    """
    cv2.setNumThreads(1)  # the other cores are the models'
    path = Path(uri.path)
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        return FolderReplay(uri.text, path, mode)
    if stat.S_ISREG(kind):
        return VideoReplay(uri.text, path, mode)
    raise DeviceMissing(uri.text, "neither a folder nor a video file")
