"""The frames of one try: mirrored to the screen, watched for what no camera does, and followed by the mesh."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from daemon.liveness.eyes import Eyes
from daemon.preview import Preview
from hw.camera.driver import Camera
from hw.camera.frame import Frame
from models.errors import ImageError
from models.face import nearest_face
from models.image import FloatArray
from models.liveness import frames
from models.liveness.result import CheckResult, Decision

log = logging.getLogger(__name__)

WITNESS_S = 0.5
"""So often a frame of a challenge is kept until its end: whose face is it that answers?"""


@dataclass(slots=True)
class Watch:
    """The camera during one try; ``over`` says when nobody wants to see anything any more.

    ``changed``: the camera is not the one that this unit started with.
    """

    camera: Camera
    eyes: Eyes
    preview: Preview
    over: Callable[[], bool]
    changed: bool = False
    witnesses: list[Frame] = field(default_factory=list, repr=False)
    _seen: list[frames.Seen] = field(default_factory=list)
    _mesh: FloatArray | None = field(default=None, repr=False)
    _last: int = -1

    def frames(self, until_s: float) -> Iterator[Frame]:
        """New frames until ``until_s`` (``time.monotonic``).

        Raises:
            HardwareError: the camera fails.
        """
        while time.monotonic() < until_s and not self.over():
            frame = self.camera.latest(newer_than=self._last)
            self._last = frame.number
            if self.over():
                return
            self.preview.put(frame.number, frame.image)
            try:
                self._seen.append(frames.look(frame.image, frame.number, frame.captured_at_s, self.camera.source))
            except ImageError as error:
                log.info("a frame was passed over: %s", error)
                continue
            yield frame

    def meshes(self, until_s: float) -> Iterator[tuple[Frame, FloatArray | None]]:
        """The same with the mesh of the nearest face, which is followed from frame to frame; None where it is lost."""
        for frame in self.frames(until_s):
            self._mesh = self._found(frame)
            if self._mesh is not None:
                self._witness(frame)
            yield frame, self._mesh

    def _found(self, frame: Frame) -> FloatArray | None:
        if self._mesh is not None:
            return self.eyes.mesh.follow(frame.image, self._mesh)
        face = nearest_face(self.eyes.models.detect(frame.image))
        return None if face is None else self.eyes.mesh.find(frame.image, face)

    def _witness(self, frame: Frame) -> None:
        if not self.witnesses or frame.captured_at_s - self.witnesses[-1].captured_at_s >= WITNESS_S:
            self.witnesses.append(frame)

    def result(self) -> CheckResult:
        """What the frames themselves say, for the record."""
        found = frames.judge(self._seen)
        if not self.changed:
            return found
        worse = Decision.ATTACK if found.decision is Decision.ATTACK else Decision.UNSURE
        return replace(found, decision=worse, reasons=(*found.reasons, "another_camera"))
