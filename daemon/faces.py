"""Whether the live face is the card's and alive: camera and networks in a thread, the finding as an event."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from daemon.cards import Photo
from daemon.events import DeviceLost, Event
from daemon.face_events import FaceCompared, FaceFinding
from daemon.liveness.eyes import Blind, Eyes
from daemon.liveness.inspection import Compared, Inspection, Means
from daemon.liveness.unseen import Unseen
from daemon.liveness.watch import Watch
from daemon.own_camera import OwnCamera
from daemon.preview import Preview
from hw.camera.driver import Camera
from hw.camera.frame import Frame
from hw.errors import HardwareError
from hw.uri import DeviceUri
from models.detector import Face
from models.embedding import Template
from models.errors import ImageError, ModelsError
from models.face import nearest_face
from models.nearest import Nearest, Sight
from models.passive import PassiveScore
from models.quality import blinded

log = logging.getLogger(__name__)

DEVICE = "camera"
MODELS = "models"
"""Named as the lost device where the networks cannot be used, or are not computed as they were measured."""
NOBODY = "no_face"
CHANGED = "face_changed"
"""Somebody else came nearest while she was looked at."""
FRAMES = 3
"""Usable frames of one face per comparison, fused into one template: one bad frame does not decide. When time is up,
with fewer: the threshold was measured on single pictures."""
ATTEMPT_S = 12.0
"""How long she is looked at for as many usable frames, told meanwhile what is in the way: she is asked once."""
HINT_S = 1.5
"""So long something is in the way before that is told, and before something else is: an instruction can be followed."""
NO_MEANS = Means()

Saw = Callable[[Sight | None, str | None], None]
"""Told of each frame: the nearest face, and why it cannot be used."""


@dataclass(frozen=True, slots=True)
class _Work:
    check: str
    photo: Photo = field(repr=False)
    stopped: threading.Event


@dataclass(slots=True)
class Guide:
    """One instruction at a time. ``say`` gets a cause of :class:`models.quality.Cause`, or ``no_face``."""

    say: Callable[[str], None]
    now_s: Callable[[], float] = time.monotonic
    _said: str | None = None
    _since_s: float | None = None

    def saw(self, cause: str | None) -> None:
        """What was wrong with a frame; None for one that could be used."""
        now_s = self.now_s()
        if cause is None or self._since_s is None:
            self._since_s = now_s
        elif cause != self._said and now_s - self._since_s >= HINT_S:
            self._said, self._since_s = cause, now_s
            self.say(cause)


@dataclass(slots=True)
class _Looks:
    """What is gathered from the frames of one comparison."""

    templates: list[Template] = field(default_factory=list, repr=False)
    scores: list[PassiveScore] = field(default_factory=list)
    face: Face | None = field(default=None, repr=False)
    size: tuple[int, int] = (0, 0)
    changed: bool = False
    causes: Counter[str] = field(default_factory=Counter)

    @property
    def cause(self) -> str:
        """What stood most in the way."""
        return CHANGED if self.changed else next((cause for cause, _ in self.causes.most_common(1)), NOBODY)

    def gather(self, template: Template, score: PassiveScore, *, of_one_face: bool) -> None:
        """Keep what one frame shows; of another face than before: start anew with it."""
        if not of_one_face:
            self.templates.clear()
            self.scores.clear()
            self.changed = True
        self.templates.append(template)
        self.scores.append(score)


class FaceMatcher:
    """A reference photo against frames. Knows no camera: frames come from an iterable."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes, self._models = eyes, eyes.models

    def reference(self, photo: Photo) -> Template | None:
        """The template of the chip photo; None if no face is found in it, or none that can be aligned."""
        try:
            face = nearest_face(self._models.detect(photo))
            return self._models.reference(photo, self._eyes.mesh.steadied(photo, face)) if face else None
        except ImageError as error:
            log.info("the card's photo cannot be used: %s", error)
            return None

    def compare(
        self, reference: Template, frames: Iterable[Frame], saw: Saw = lambda _sight, _cause: None
    ) -> tuple[FaceFinding, Compared]:
        """Compare once :data:`FRAMES` usable frames of one face are seen, or with fewer when the frames end.

        Never with frames of two people, whose mean is like both: when the face changes, it starts anew, and does not
        compare what time leaves too little of.

        Returns the finding, about life not yet, and what was seen of her.
        """
        looks, nearest = _Looks(), Nearest(self._models)
        for frame in frames:
            try:
                sight = nearest.look(frame.image)
                saw(sight, self._look(frame.image, sight, looks))
            except ImageError as error:
                log.info("a frame was passed over: %s", error)
            if len(looks.templates) == FRAMES:
                break
        if not looks.templates or (looks.changed and len(looks.templates) < FRAMES):
            return self.not_comparable(looks.cause), Compared()
        live = self._models.fuse(looks.templates)
        return self._finding(reference, live, len(looks.templates)), Compared(
            tuple(looks.scores), looks.face, looks.size, live
        )

    def _look(self, image: Photo, sight: Sight | None, looks: _Looks) -> str | None:
        """Gather the nearest face's template and passive score, or the first thing that is wrong with that face."""
        cause = self._in_the_way(image, sight)
        if sight is None or cause is not None:
            looks.causes[cause or NOBODY] += 1
            return cause
        template = self._models.template(sight.image, sight.face, mirrored=bool(len(looks.templates) % 2))
        score = self._eyes.passive.assess(sight.image, sight.face.box)
        looks.gather(template, score, of_one_face=self._models.of_one_face(looks.templates, template))
        looks.face, looks.size = sight.placed, (image.shape[1], image.shape[0])
        return None

    def _in_the_way(self, image: Photo, sight: Sight | None) -> str | None:
        if sight is None:
            return blinded(image) or NOBODY
        quality = self._models.assess(sight.image, sight.face)
        return None if quality.usable else quality.causes[0].value

    def not_comparable(self, cause: str) -> FaceFinding:
        """The finding when there is nothing to compare."""
        threshold = self._models.operating_point.threshold
        return FaceFinding("not_comparable", None, threshold, 0, self._eyes.hashes, cause)

    def _finding(self, reference: Template, live: Template, frames: int) -> FaceFinding:
        comparison = self._models.compare(reference, live)
        score = round(min(1.0, max(-1.0, comparison.score)), 4)
        return FaceFinding(str(comparison.decision), score, comparison.threshold, frames, self._eyes.hashes)


class FaceTask:
    """Runs the camera from consent to the end of a check, and compares when asked.

    ``asked``: what the screen asks of her now: ``light``, ``turn_left``, ``turn_right``, ``blink``, or None. ``hint``:
    what is in the way of seeing her. ``unseen``: whether anybody answers the ring. ``own``: which camera it should be.
    """

    def __init__(
        self,
        uri: DeviceUri,
        eyes: Eyes | Blind,
        *,
        post: Callable[[Event], None],
        means: Means = NO_MEANS,
        told: Callable[[], None] = lambda: None,
        own: OwnCamera | None = None,
    ) -> None:
        """Prepare; the camera's process starts only with :meth:`open_camera`.

        Args:
            uri: the camera.
            eyes: the networks, this task's own.
            post: told of what was found.
            means: what the policy allows and the unit has to tell life with.
            told: called whenever ``asked`` or ``hint`` has changed.
            own: which camera is the unit's own; None: the first that opens, for as long as this program runs.

        Raises:
            BadDeviceUri: no camera has this URI.
        """
        self._camera = Camera(uri)
        self._eyes = eyes
        self._post, self._means, self._told = post, means, told
        self.asked: str | None = None
        self.hint: str | None = None
        self.unseen = Unseen()
        self.own = own or OwnCamera()
        self.preview = Preview()
        self._work: queue.SimpleQueue[_Work | str | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._skipped: frozenset[str] = frozenset()

    def open_camera(self) -> None:
        """Start the camera, so that it is ready when the card is read. Only ever after consent."""
        self._stopped = threading.Event()
        self._skipped = frozenset()
        self._work.put("open")

    def compare(self, check: str, photo: Photo) -> None:
        """Compare the live face with ``photo`` and see whether it is alive; the answer comes as an event."""
        self._work.put(_Work(check, photo, self._stopped))

    def skip(self, challenge: str) -> None:
        """Leave ``challenge`` out until the camera is opened anew; one that is under way ends at once."""
        self._skipped |= {challenge}

    def cancel(self) -> None:
        """Stop the camera; no frame is read any more, and no challenge shown."""
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
            return
        self.own.saw(self._camera.identity)

    def _serve(self, work: _Work) -> None:
        eyes = self._eyes
        if isinstance(eyes, Blind):
            log.error("nobody is decided about: %s", eyes.problem)
            self._post(DeviceLost(work.check, MODELS))
            return
        started_s = time.monotonic()
        try:
            finding = self._find(work, eyes)
        except HardwareError as error:
            log.warning("camera: %s; %s", error, error.advice)
            self._post(DeviceLost(work.check, DEVICE))
            return
        except ModelsError as error:
            log.exception("nobody is decided about: %s", type(error).__name__)
            self._post(DeviceLost(work.check, MODELS))
            return
        finally:
            self.preview.drop()
        alive, took_ms = finding.liveness, (time.monotonic() - started_s) * 1e3
        log.info("face in %.0f ms: %s, %s %s", took_ms, finding.decision, alive.decision, alive.cause or "")
        self.unseen.saw(work.check, alive.checks)
        if not work.stopped.is_set():
            self._post(FaceCompared(work.check, finding))

    def _find(self, work: _Work, eyes: Eyes) -> FaceFinding:
        matcher = FaceMatcher(eyes)
        reference = matcher.reference(work.photo)
        if reference is None:
            return matcher.not_comparable("card_photo_no_face")
        watch = Watch(self._camera, eyes, self.preview, work.stopped.is_set, self.own.replaced)
        finding, compared = self._look(matcher, reference, watch)
        inspection = Inspection(eyes, self._means, watch, self._tell, lambda: self._skipped)
        matched = finding.decision == "match"
        return replace(
            finding, liveness=inspection.run(compared) if matched else inspection.without_challenge(compared)
        )

    def _look(self, matcher: FaceMatcher, reference: Template, watch: Watch) -> tuple[FaceFinding, Compared]:
        """Look at the nearest face, which the mirror marks: helpers see who is taken."""
        guide = Guide(self._hint)

        def saw(sight: Sight | None, cause: str | None) -> None:
            self.preview.mark(sight.placed.box if sight else None)
            guide.saw(cause)

        try:
            return matcher.compare(reference, watch.frames(time.monotonic() + ATTEMPT_S), saw)
        finally:
            self.preview.mark(None)
            self._hint(None)

    def _hint(self, hint: str | None) -> None:
        if hint != self.hint:
            self.hint = hint
            self._told()

    def _tell(self, asked: str | None) -> None:
        self.asked = asked
        self._told()
