"""The light challenge on a unit: the ring plays colours that nobody knew before, and the camera looks on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Protocol

from daemon.liveness.watch import Watch
from hw.coprocessor.driver import Coprocessor
from hw.coprocessor.numbers import Colour
from hw.errors import HardwareError
from models.liveness import light, sequence
from models.liveness.regions import Sample, observe
from models.liveness.result import CheckResult, Decision, Evidence, not_performed
from models.liveness.sequence import LightColour, LightSequence
from models.liveness.signal import Timeline

log = logging.getLogger(__name__)

BEFORE_S = 0.5
AFTER_S = 0.4
"""Frames with the ring white, before the first colour and after the last."""
MOST_S = 10.0
READY_S = 3.0
"""A co-processor holds its last session for 1.5 s, so that it is silent for a moment after the unit has started."""
_STOP_S = 0.05
TRIES = 3
AGAIN = frozenset({"too_few_frames", "frames_missing", "skin_hidden", "clocks_uncertain"})
"""Unsure because nothing could be measured, by her, a busy machine or its link: shown again. All else stands."""


class Light(Protocol):
    """What can show colours on a face and tell when it did."""

    @property
    def ready(self) -> bool:
        """Whether it can be asked now."""

    def show(self, colours: Sequence[LightColour], slot_ms: int) -> Timeline:
        """Show them; returns when the last one is off.

        Raises:
            HardwareError: it could not, or was stopped.
        """

    def stop(self) -> None:
        """End :meth:`show` at once; harmless when nothing is shown. From any thread."""


class RingLight:
    """The ring of the co-processor. Afterwards it shows the step's pattern again by itself."""

    def __init__(self, device: Coprocessor) -> None:
        self._device = device

    @property
    def ready(self) -> bool:
        """Whether there is a session with it."""
        return self._device.ready

    def show(self, colours: Sequence[LightColour], slot_ms: int) -> Timeline:
        """See `Light.show`."""
        report = self._device.run_challenge([Colour(colour) for colour in colours], slot_ms)
        shown = [(step.at_s, LightColour(step.colour)) for step in report.steps]
        return Timeline.shown(shown, report.off_s, report.error_s)

    def stop(self) -> None:
        """See `Light.stop`."""
        self._device.stop_challenge()


def challenge(source: Light | None, watch: Watch, over: Callable[[], bool]) -> CheckResult:
    """One light challenge, tried again where nothing could be measured.

    Args:
        source: the light; None where none is fitted.
        watch: the camera, held by the caller: what of it then stood still is in the evidence, ``held``.
        over: whether the challenge was skipped or the check is over; it then ends at once, the light too.

    Raises:
        HardwareError: the camera fails. What the light cannot do is no error: ``no_light``, ``light_failed``.
    """
    if source is None:
        return not_performed(light.NAME, "no_light")
    for _ in _samples(watch, READY_S, lambda: over() or source.ready):
        pass
    if not source.ready:
        return not_performed(light.NAME, "no_light")
    result, earlier = not_performed(light.NAME, "stopped"), list[list[int]]()
    for number in range(1, TRIES + 1):
        drawn = sequence.draw()
        result = _once(source, watch, over, drawn)
        tried: Mapping[str, Evidence] = {"tries": number, **({"earlier_sequences": earlier} if earlier else {})}
        result = replace(result, evidence={**result.evidence, **tried})
        if result.decision is not Decision.UNSURE or not AGAIN & set(result.reasons):
            break
        earlier = [*earlier, [int(one) for one in drawn.colours]]
    return result


def _once(source: Light, watch: Watch, over: Callable[[], bool], drawn: LightSequence) -> CheckResult:
    shown: Mapping[str, Evidence] = {"sequence": [int(one) for one in drawn.colours], "slot_ms": drawn.slot_ms}
    watch.witnesses.clear()  # who stood there in a try that showed nothing speaks for nobody
    samples = [*_samples(watch, BEFORE_S, over)]
    if over():
        return not_performed(light.NAME, "stopped")
    with watch.asking(), ThreadPoolExecutor(1, "light") as pool:
        playing = pool.submit(source.show, drawn.colours, drawn.slot_ms)
        try:
            samples += _samples(watch, MOST_S, lambda: over() or playing.done())
        finally:
            while not playing.done():
                source.stop()
                wait([playing], _STOP_S)  # it may only just have begun, then it is told again
    timeline = _timeline(playing)
    if timeline is None:
        return replace(not_performed(light.NAME, "stopped" if over() else "light_failed"), evidence=shown)
    samples += _samples(watch, AFTER_S, over)
    result = light.judge(timeline, samples)
    # Asked at the end: a camera that was opened anew meanwhile holds nothing.
    held = [str(setting) for setting in watch.camera.held or ()]
    return replace(result, evidence={**result.evidence, **shown, "held": held})


def _timeline(playing: Future[Timeline]) -> Timeline | None:
    try:
        return playing.result()
    except HardwareError as error:
        log.warning("light challenge: %s; %s", error, error.advice)
        return None


def _samples(watch: Watch, for_s: float, done: Callable[[], bool]) -> Iterator[Sample]:
    for frame, mesh in watch.meshes(time.monotonic() + for_s):
        sample = observe(frame.image, mesh, frame.captured_at_s)
        if sample is not None:
            yield sample
        if done():
            return
