"""Comparing the live face with the card's photo: camera and models in a thread, the finding as an event."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from daemon.cards import Photo
from daemon.events import DeviceLost, Event, FaceCompared, FaceFinding
from daemon.preview import Preview
from hw.camera.driver import Camera
from hw.camera.frame import Frame
from hw.errors import HardwareError
from hw.uri import DeviceUri
from models.comparison import Comparison
from models.embedding import Template
from models.errors import ImageError
from models.face import FaceModels, nearest_face

log = logging.getLogger(__name__)

DEVICE = "camera"
FRAMES = 3
"""Usable frames per comparison, fused into one template: one bad frame does not decide."""
ATTEMPT_S = 4.0


@dataclass(frozen=True, slots=True)
class _Work:
    check: str
    photo: Photo = field(repr=False)
    stopped: threading.Event


class FaceMatcher:
    """A reference photo against frames. Knows no camera: frames come from an iterator."""

    def __init__(self, models: FaceModels) -> None:
        self._models = models

    def reference(self, photo: Photo) -> Template | None:
        """The template of the chip photo; None if no face is found in it."""
        face = nearest_face(self._models.detect(photo))
        return self._models.reference(photo, face) if face else None

    def compare(self, reference: Template, frames: Iterator[Frame]) -> FaceFinding:
        """Compare once :data:`FRAMES` usable frames are seen, or with fewer when the frames end."""
        live: list[Template] = []
        cause = "no_face"
        for frame in frames:
            try:
                template, wrong = self._template(frame.image, mirrored=bool(len(live) % 2))
            except ImageError as error:
                log.info("a frame was passed over: %s", error)
                continue
            cause = wrong or cause
            if template is not None:
                live.append(template)
            if len(live) == FRAMES:
                break
        if not live:
            return self.not_comparable(cause)
        return self._finding(self._models.compare(reference, self._models.fuse(live)), len(live))

    def _template(self, image: Photo, *, mirrored: bool) -> tuple[Template | None, str | None]:
        """The nearest face's template, or the first thing that is wrong with that face."""
        face = nearest_face(self._models.detect(image))
        if face is None:
            return None, None
        quality = self._models.assess(image, face)
        if not quality.usable:
            return None, quality.causes[0].value
        return self._models.template(image, face, mirrored=mirrored), None

    def not_comparable(self, cause: str) -> FaceFinding:
        """The finding when there is nothing to compare."""
        threshold = self._models.operating_point.threshold
        return FaceFinding("not_comparable", None, threshold, 0, self._models.hashes, cause)

    def _finding(self, comparison: Comparison, frames: int) -> FaceFinding:
        score = round(min(1.0, max(-1.0, comparison.score)), 4)
        return FaceFinding(str(comparison.decision), score, comparison.threshold, frames, self._models.hashes)


class FaceTask:
    """Runs the camera from consent to the end of a check, and compares when asked."""

    def __init__(self, uri: DeviceUri, models: FaceModels, *, post: Callable[[Event], None]) -> None:
        """Prepare; the camera's process starts only with :meth:`open_camera`.

        Raises:
            BadDeviceUri: no camera has this URI.
        """
        self._camera = Camera(uri)
        self._matcher = FaceMatcher(models)
        self._post = post
        self.preview = Preview()
        self._work: queue.SimpleQueue[_Work | str | None] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def open_camera(self) -> None:
        """Start the camera, so that it is ready when the card is read. Only ever after consent."""
        self._stopped = threading.Event()
        self._work.put("open")

    def compare(self, check: str, photo: Photo) -> None:
        """Compare the live face with ``photo``; the answer comes as an event."""
        self._work.put(_Work(check, photo, self._stopped))

    def cancel(self) -> None:
        """Stop the camera; no frame is read any more."""
        self._stopped.set()
        self.preview.drop()
        self._work.put("close")

    def close(self) -> None:
        """End :meth:`run`."""
        self.cancel()
        self._work.put(None)

    def run(self) -> None:
        """Serve requests until :meth:`close`; one thread's whole life."""
        try:
            while (work := self._work.get()) is not None:
                if work == "open":
                    self._open()
                elif work == "close":
                    self._camera.close()
                elif isinstance(work, _Work):
                    self._serve(work)
        finally:
            self._camera.close()

    def _open(self) -> None:
        self._camera.close()
        try:
            self._camera.open()
        except HardwareError as error:
            # Told again, as an event, when a comparison is asked for: only then somebody waits for the camera.
            log.warning("camera: %s; %s", error, error.advice)

    def _serve(self, work: _Work) -> None:
        started_s = time.monotonic()
        try:
            reference = self._matcher.reference(work.photo)
            if reference is None:
                finding = self._matcher.not_comparable("card_photo_no_face")
            else:
                finding = self._matcher.compare(reference, self._frames(work.stopped))
        except HardwareError as error:
            log.warning("camera: %s; %s", error, error.advice)
            self._post(DeviceLost(work.check, DEVICE))
            return
        finally:
            self.preview.drop()
        log.info("face compared in %.0f ms: %s", (time.monotonic() - started_s) * 1e3, finding.decision)
        if not work.stopped.is_set():
            self._post(FaceCompared(work.check, finding))

    def _frames(self, stopped: threading.Event) -> Iterator[Frame]:
        deadline_s = time.monotonic() + ATTEMPT_S
        last = -1
        while time.monotonic() < deadline_s and not stopped.is_set():
            frame = self._camera.latest(newer_than=last)
            last = frame.number
            if not stopped.is_set():
                self.preview.put(frame.number, frame.image)
            yield frame
