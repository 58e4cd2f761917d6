"""One face's liveness from beginning to end: which checks, in which order, and the one finding of them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from daemon.face_events import Liveness
from daemon.liveness import light, movement
from daemon.liveness.eyes import Eyes
from daemon.liveness.light import Light
from daemon.liveness.watch import Watch
from daemon.liveness.witnesses import same_face
from daemon.policy import Policy
from daemon.policy.words import Challenge
from daemon.thermal import ThermalView
from models import passive
from models.detector import Face
from models.embedding import Template
from models.liveness import fusion, thermal
from models.liveness.fusion import Check, LivenessPolicy
from models.liveness.motion import Ask
from models.liveness.result import CheckResult, Decision, not_performed
from models.passive import PassiveScore

THERMAL_AGE_S = 1.0
SKIPPED = "skipped_by_officer"
LIGHT_ASK = "light"
"""What the screen is told while the ring plays."""


@dataclass(frozen=True, slots=True)
class Means:
    """What this unit has to tell life with, beside the camera.

    Attributes:
        allowed: of the policy pack.
        light: the ring, if one is fitted.
        warmth: the newest thermal picture; None where no sensor is fitted.
    """

    allowed: frozenset[Challenge] = frozenset()
    light: Light | None = None
    warmth: Callable[[], ThermalView | None] | None = None

    @classmethod
    def of(
        cls, policy: Policy, ring: Light | None = None, warmth: Callable[[], ThermalView | None] | None = None
    ) -> Means:
        """What ``policy`` allows of what is fitted."""
        return cls(frozenset(policy.challenges.allowed), ring, warmth)

    def policy(self) -> LivenessPolicy:
        """As the fusion asks it."""
        return LivenessPolicy(
            light=Challenge.LIGHT in self.allowed,
            motion=Challenge.MOTION in self.allowed,
            thermal=Challenge.THERMAL in self.allowed and self.warmth is not None,
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison has seen of her: its frames' passive scores, the last frame's face, and their template."""

    scores: tuple[PassiveScore, ...] = ()
    face: Face | None = field(default=None, repr=False)
    size: tuple[int, int] = (0, 0)
    live: Template | None = field(default=None, repr=False)


@dataclass(slots=True)
class Inspection:
    """The checks of one try. ``tell`` shows what is asked of her; ``skipped``: what an officer leaves out by now.

    She is asked for nothing twice, and for a blink only when she has answered the light: paper with holes for the eyes
    of whoever holds it blinks too, but it neither turns nor answers like a face.
    """

    eyes: Eyes
    means: Means
    watch: Watch
    tell: Callable[[str | None], None]
    skipped: Callable[[], frozenset[str]]
    _but: list[Ask] = field(default_factory=lambda: [Ask.BLINK])
    """What she is not asked for any more, or not yet."""
    _answered: set[int] = field(default_factory=set)

    def without_challenge(self, compared: Compared) -> Liveness:
        """Of a face that is not the card's or could not be compared: nothing is asked of her, what was seen is kept."""
        return self._finding([passive.judge(compared.scores)])

    def run(self, compared: Compared) -> Liveness:
        """All that the policy wants, of a face that is the card's.

        Raises:
            HardwareError: the camera fails.
        """
        results, policy = [passive.judge(compared.scores)], self.means.policy()
        with self._held():
            while not self.watch.over() and (check := self._next(policy, results)) is not None:
                results.append(self._do(check, compared))
        if self.watch.witnesses and compared.live is not None:
            results.append(same_face(self.eyes, compared.live, self.watch.witnesses, self._answered))
        return self._finding(results)

    def _next(self, policy: LivenessPolicy, results: Sequence[CheckResult]) -> Check | None:
        """With what the frames say by now: nobody is asked to move before a camera that lies."""
        return fusion.next_check(policy, [*results, self.watch.result()])

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Exposure, gain and white balance stand still meanwhile as far as the camera can, whatever happens."""
        self.watch.camera.hold(True)
        try:
            yield
        finally:
            self.watch.camera.hold(False)

    def _do(self, check: Check, compared: Compared) -> CheckResult:
        if check is Check.THERMAL:
            return self._warm(compared)
        if check in self.skipped():
            return not_performed(check, SKIPPED)

        def over() -> bool:
            return self.watch.over() or check in self.skipped()

        result = self._light(over) if check is Check.LIGHT else self._move(over)
        if result.decision is Decision.LIVE:
            self._answered.add(self.watch.askings)
            self.watch.see_who_answered()
            if check is Check.LIGHT:
                self._but.remove(Ask.BLINK)
        # An attack that was seen stays one, and what was measured stays in the record.
        if check in self.skipped() and result.decision is not Decision.ATTACK:
            return replace(result, decision=Decision.NOT_PERFORMED, reasons=(SKIPPED,))
        return result

    def _light(self, over: Callable[[], bool]) -> CheckResult:
        if self.means.light is not None:
            self.tell(LIGHT_ASK)
        try:
            return light.challenge(self.means.light, self.watch, over)
        finally:
            self.tell(None)

    def _move(self, over: Callable[[], bool]) -> CheckResult:
        ask, result = movement.challenge(self._but, self.watch, self.tell, over)
        self._but.append(ask)
        return result

    def _warm(self, compared: Compared) -> CheckResult:
        view = self.means.warmth() if self.means.warmth is not None else None
        if view is None or view.frame.overflow or view.age_s(time.monotonic()) > THERMAL_AGE_S or compared.face is None:
            return not_performed(Check.THERMAL, "no_reading")
        return thermal.judge(view.frame.pixels_c, compared.face.box, compared.size, view.mounting)

    def _finding(self, results: Sequence[CheckResult]) -> Liveness:
        finding = fusion.fuse(self.means.policy(), [*results, self.watch.result()])
        checks = tuple(self._told(check) for check in finding.checks)
        return Liveness(str(finding.decision), checks, finding.reasons[0] if finding.reasons else None)

    def _told(self, check: CheckResult) -> Mapping[str, Any]:
        """The check as the record has it, with the network that it rests on."""
        hashes = self.eyes.hashes
        network = {
            Check.PASSIVE: hashes["liveness"],
            Check.LIGHT: hashes["mesh"],
            Check.MOTION: hashes["mesh"],
            Check.SAME_FACE: self.eyes.models.space,
        }.get(Check(check.name))
        performed = check.decision is not Decision.NOT_PERFORMED
        return {**check.to_dict(), **({"model": network} if network and performed else {})}
