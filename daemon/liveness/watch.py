"""The frames of one try: mirrored to the screen, watched for what no camera does, and followed by the mesh."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from daemon.liveness.eyes import Eyes
from daemon.liveness.witnesses import Witness, recognisable
from daemon.preview import Preview
from hw.camera.driver import Camera
from hw.camera.frame import Frame
from hw.camera.identity import mark_of
from models.errors import ImageError
from models.image import FloatArray
from models.liveness import frames
from models.liveness.result import CheckResult, Decision
from models.nearest import Nearest
from models.quality import Cause
from models.quarters import turned

log = logging.getLogger(__name__)

WITNESS_S = 0.5
"""So often a frame of a challenge is kept until its end: whose face is it that answers?"""
RETURN_S = 2.0
"""Whoever has turned as she was asked looks at the screen again within this time."""


@dataclass(slots=True)
class Watch:
    """The camera during one try; ``over`` says when nobody wants to see anything any more.

    ``changed``: the camera is not the unit's own. ``askings``: how often she was asked for
    something.
    """

    camera: Camera
    eyes: Eyes
    preview: Preview
    over: Callable[[], bool]
    changed: bool = False
    witnesses: list[Witness] = field(default_factory=list, repr=False)
    askings: int = 0
    _asking: bool = False
    _excused: frozenset[Cause] = frozenset()
    _seen: list[frames.Seen] = field(default_factory=list)
    _mesh: FloatArray | None = field(default=None, repr=False)
    _quarters: int = 0
    _last: int = -1
    _nearest: Nearest = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._nearest = Nearest(self.eyes.models)

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
        """The same with the mesh of the nearest face, which is followed from frame to frame; None where it is lost.

        Both turned by the same quarter turns, so that her face is upright while it is followed: a challenge asks what
        is beside and behind a head.
        """
        for frame in self.frames(until_s):
            upright = self._found(frame)
            if self._mesh is not None:
                self._witness(upright, self._mesh)
            yield upright, self._mesh

    def _found(self, frame: Frame) -> Frame:
        """``frame`` turned; sets the mesh."""
        if self._mesh is not None:
            upright = turned(frame.image, self._quarters)
            self._mesh = self.eyes.mesh.follow(upright, self._mesh)
            return replace(frame, image=upright)
        sight = self._nearest.look(frame.image)
        if sight is None:
            return frame
        self._quarters = sight.quarters
        self._mesh = self.eyes.mesh.find(sight.image, sight.face)
        return replace(frame, image=sight.image)

    @contextmanager
    def asking(self, excused: frozenset[Cause] = frozenset()) -> Iterator[None]:
        """Meanwhile she is asked for something: the witnesses of this time bear its number, ``askings``.

        ``excused``: what that brings about, for which she cannot be recognised.
        """
        self.askings, self._asking, self._excused = self.askings + 1, True, excused
        try:
            yield
        finally:
            self._asking = False

    def see_who_answered(self) -> None:
        """Keep one more witness of what she was asked last: the first frame in which she can be recognised again.

        Where there is none in time, the last: she was not seen.

        Raises:
            HardwareError: the camera fails.
        """
        last = None
        for frame, mesh in self.meshes(time.monotonic() + RETURN_S):
            last = witness_of(frame, mesh, self.askings, self._excused)
            if recognisable(self.eyes, last):
                break
        if last is not None:
            self.witnesses.append(last)

    def _witness(self, frame: Frame, mesh: FloatArray) -> None:
        asking, last = self.askings if self._asking else 0, self.witnesses[-1] if self.witnesses else None
        if last and last.asking == asking and frame.captured_at_s - last.frame.captured_at_s < WITNESS_S:
            return
        self.witnesses.append(witness_of(frame, mesh, asking, self._excused))

    def result(self) -> CheckResult:
        """What the frames themselves say, for the record."""
        found = frames.judge(self._seen)
        found = replace(found, evidence={**found.evidence, "camera": mark_of(self.camera.identity)})
        if not self.changed:
            return found
        worse = Decision.ATTACK if found.decision is Decision.ATTACK else Decision.UNSURE
        return replace(found, decision=worse, reasons=(*found.reasons, "another_camera"))


def witness_of(frame: Frame, mesh: FloatArray | None, asking: int, excused: frozenset[Cause]) -> Witness:
    """The frame with the middle of the face that is followed in it, outside of it where that is lost."""
    x, y = (-1.0, -1.0) if mesh is None else mesh[:, :2].mean(axis=0).tolist()
    return Witness(frame, (x, y), asking, excused)
