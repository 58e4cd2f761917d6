"""Fingers of the check under way: the module's driver in a thread, its findings as events.

Templates live here and nowhere else: what her slip or her card brought, and the slip that was just written for her.
All of it is dropped when the check ends, and the module is wiped - also when the unit starts, because a crash may have
left a finger in it. A module that could not be wiped is not used.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from uuid import UUID

from daemon.events import DeviceLost, Document, Event, FingerCompared
from daemon.finger_events import (
    FingerEnrolled,
    FingerEnrolment,
    FingerFinding,
    FingerTold,
    SlipFacts,
    SlipRejected,
    SlipShown,
)
from daemon.slips import Slips
from evidence.errors import EvidenceError
from evidence.instants import write_instant
from evidence.slip import LIFETIME, Person, SlipRefused
from hw.card_reader.finger_matcher import FingerMatchError, IdCardFingerMatcher
from hw.errors import DeviceGone, HardwareError
from hw.fingerprint.driver import FingerprintModule
from hw.fingerprint.errors import (
    BadImage,
    BadTemplate,
    CaptureStopped,
    CombineFailed,
    ImageFault,
    ModuleRefused,
    NoFinger,
)
from hw.fingerprint.feedback import Feedback
from hw.fingerprint.image import FingerImage
from hw.fingerprint.link import DEFAULT_TIMING, Timing
from hw.fingerprint.slots import wipe
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

DEVICE: Final = "fingerprint"
ATTEMPT_S: Final = 15.0
"""For one finger to be laid so that its image is usable."""

WORDS: Final = MappingProxyType(
    {
        Feedback.WAITING: "finger_lay",
        Feedback.TOO_DRY: "finger_too_dry",
        Feedback.TOO_WET: "finger_too_wet",
        Feedback.MESSY: "finger_moved",
        Feedback.TOO_FEW_FEATURES: "finger_partial",
        Feedback.LIFT_AND_TRY_AGAIN: "finger_lift",
        Feedback.DIFFERENT: "finger_differs",
        Feedback.ONCE_MORE: "finger_once_more",
    }
)
"""What the screen is told at each moment of a capture."""

_CAUSES: Final = MappingProxyType(
    {
        ImageFault.TOO_DRY: "finger_too_dry",
        ImageFault.TOO_WET: "finger_too_wet",
        ImageFault.MESSY: "finger_moved",
        ImageFault.TOO_FEW_FEATURES: "finger_partial",
        ImageFault.UNUSABLE: "finger_lift",
    }
)


@dataclass(frozen=True, slots=True)
class _Prepare:
    check: str
    stopped: threading.Event


@dataclass(frozen=True, slots=True)
class _Compare(_Prepare):
    pass


@dataclass(frozen=True, slots=True)
class _Enrol(_Prepare):
    person: Person
    consent: UUID


@dataclass(slots=True)
class _Held:
    """What is known of the woman whose check this is."""

    check: str | None = None
    template: bytes | None = field(default=None, repr=False)
    prints: tuple[bytes, ...] = field(default=(), repr=False)


class FingerTask:
    """Compares and enrols when asked. Everything but :meth:`run` may be called from any thread."""

    def __init__(
        self,
        uri: DeviceUri,
        *,
        post: Callable[[Event], None],
        slips: Slips | None = None,
        matcher: IdCardFingerMatcher | None = None,
        timing: Timing = DEFAULT_TIMING,
    ) -> None:
        """Prepare; nothing is opened yet. ``matcher``: compares with the prints on an ID card, where there is one.

        Raises:
            BadDeviceUri: no fingerprint module has this URI.
        """
        self._module = FingerprintModule(uri, timing=timing) if uri.scheme != "none" else None
        self._post, self._slips, self._matcher = post, slips, matcher
        self._work: queue.SimpleQueue[_Prepare | str | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._held = _Held()
        self._unclean = True
        self._slip: tuple[str, str] | None = None
        self.problem: HardwareError | None = None

    @property
    def fitted(self) -> bool:
        """Whether the configuration names a module."""
        return self._module is not None

    @property
    def enrols(self) -> bool:
        """Whether a finger can be enrolled here: there is a module, and the site's slip keys."""
        return self._module is not None and self._slips is not None

    @property
    def clean(self) -> bool:
        """Whether the module was wiped since it was used last."""
        return not self._unclean

    def slip(self, check: str | None) -> str | None:
        """The text of the slip that was written in ``check``, until it is dropped."""
        return self._slip[1] if self._slip is not None and self._slip[0] == check else None

    # --- asked by the check ----------------------------------------------------------------------------------------

    def lay_prints(self, check: str, prints: tuple[bytes, ...]) -> bool:
        """Keep the fingerprint records of her card; whether they can be compared here."""
        usable = self._module is not None and self._matcher is not None and bool(prints)
        self._held = _Held(check, None, prints if usable else ())
        return usable

    def lay_template(self, check: str, template: bytes) -> None:
        """Keep the template of her slip: from now on it is what is compared with."""
        self._held = _Held(check, template)

    def scanned(self, check: str, document: Document, text: str) -> Event:
        """What a scanned slip is to the check of ``document``'s holder; the template of a good one is kept here."""
        assert self._slips is not None
        try:
            slip = self._slips.open(text, document)
        except SlipRefused as error:
            log.info("slip refused: %s", error.fault)
            return SlipRejected(check, str(error.fault))
        self.lay_template(check, slip.template)
        return SlipShown(
            check, SlipFacts(str(slip.consent), slip.unit, write_instant(slip.issued), write_instant(slip.expires))
        )

    def prepare(self, check: str) -> None:
        """Is the module there and clean? If not, the check is told."""
        self._work.put(_Prepare(check, self._anew()))

    def compare(self, check: str) -> None:
        """Compare a finger with what was laid; the answer comes as an event."""
        self._work.put(_Compare(check, self._anew()))

    def enrol(self, check: str, person: Person, consent: UUID) -> None:
        """Enrol a finger and write a slip for ``person`` under ``consent``; the answer comes as an event."""
        self._work.put(_Enrol(check, self._anew(), person, consent))

    def _anew(self) -> threading.Event:
        self._stopped = threading.Event()
        return self._stopped

    def cancel(self) -> None:
        """Stop waiting for a finger."""
        self._stopped.set()

    def forget(self) -> None:
        """Drop what was laid, and wipe the module if it was used."""
        self.cancel()
        self._held = _Held()
        self._work.put("wipe")

    def drop_slip(self) -> None:
        """The slip was seen, or never will be."""
        self._slip = None

    def close(self) -> None:
        """End :meth:`run`."""
        self.forget()
        self.drop_slip()
        self._work.put(None)

    # --- the thread ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Wipe the module, then serve requests until :meth:`close`; one thread's whole life."""
        module = self._module
        self._wipe(module)
        while (work := self._work.get()) is not None:
            if isinstance(work, str):
                self._wipe(module)
            elif module is None:
                self._post(DeviceLost(work.check, DEVICE))
            else:
                self._serve(module, work)
        if module is not None:
            module.close()

    def _wipe(self, module: FingerprintModule | None) -> None:
        if module is None or not self._unclean:
            return
        try:
            self._clean(module)
        except HardwareError as error:
            self._note(error)

    def _clean(self, module: FingerprintModule) -> None:
        if self._unclean:
            wipe(module)
            self._unclean = False

    def _note(self, error: HardwareError) -> None:
        self.problem = error
        log.warning("fingerprint module: %s; %s", error, error.advice)

    def _serve(self, module: FingerprintModule, work: _Prepare) -> None:
        try:
            event = self._answer(module, work)
            self.problem = None
        except CaptureStopped:
            return
        except HardwareError as error:
            self._note(error)
            event = DeviceLost(work.check, DEVICE)
        if event is not None and not work.stopped.is_set():
            self._post(event)

    def _answer(self, module: FingerprintModule, work: _Prepare) -> Event | None:
        """What came of ``work``. A module that restarts loses what it held, so that is begun once more."""
        try:
            return self._attempt(module, work)
        except DeviceGone as error:
            log.info("begun once more: %s", error)
            module.close()
            return self._attempt(module, work)

    def _attempt(self, module: FingerprintModule, work: _Prepare) -> Event | None:
        module.open()
        self._clean(module)
        match work:
            case _Compare():
                self._unclean = True
                return FingerCompared(work.check, self._compared(module, work))
            case _Enrol():
                self._unclean = True
                return FingerEnrolled(work.check, self._enrolled(module, work))
            case _:
                module.self_test()
                return None

    def _tell(self, work: _Prepare) -> Callable[[Feedback], None]:
        def told(feedback: Feedback) -> None:
            if not work.stopped.is_set():
                self._post(FingerTold(work.check, WORDS[feedback]))

        return told

    # --- comparing -------------------------------------------------------------------------------------------------

    def _compared(self, module: FingerprintModule, work: _Prepare) -> FingerFinding:
        held = self._held
        if held.check != work.check or (held.template is None and not held.prints):
            return FingerFinding("not_performed", cause="finger_no_reference")
        method = "slip" if held.template is not None else "id_card"
        started_s = time.monotonic()
        try:
            finding = self._with_slip(module, work, held.template) if held.template else self._with_card(module, work)
        except NoFinger:
            return FingerFinding("not_performed", cause="finger_none", method=method)
        except BadImage as error:
            return FingerFinding("not_performed", cause=_CAUSES[error.fault], method=method)
        except (BadTemplate, ModuleRefused, FingerMatchError) as error:
            self._note(error)
            return FingerFinding("not_performed", cause="finger_not_comparable", method=method)
        log.info("finger compared in %.0f ms: %s", (time.monotonic() - started_s) * 1e3, finding.decision)
        return finding

    def _with_slip(self, module: FingerprintModule, work: _Prepare, template: bytes) -> FingerFinding:
        level = float(module.self_test().security)
        result = module.finger_match(template, work.stopped, ATTEMPT_S, self._tell(work))
        return FingerFinding("match" if result.matched else "no_match", result.score, None, "slip", level)

    def _with_card(self, module: FingerprintModule, work: _Prepare) -> FingerFinding:
        matcher, prints = self._matcher, self._held.prints
        assert matcher is not None
        image = FingerImage.from_bytes(module.device, module.capture_image(work.stopped, ATTEMPT_S, self._tell(work)))
        score = max(matcher.match(one, image.pixels, image.width, image.height) for one in prints)
        decision = "match" if score >= matcher.threshold else "no_match"
        return FingerFinding(decision, round(score, 4), None, "id_card", matcher.threshold)

    # --- enrolling -------------------------------------------------------------------------------------------------

    def _enrolled(self, module: FingerprintModule, work: _Enrol) -> FingerEnrolment:
        assert self._slips is not None
        try:
            template = module.enrol(work.stopped, ATTEMPT_S, self._tell(work))
            text = self._slips.write(template, work.person, work.consent)
        except NoFinger:
            return FingerEnrolment("not_enrolled", "finger_none")
        except BadImage as error:
            return FingerEnrolment("not_enrolled", _CAUSES[error.fault])
        except CombineFailed:
            return FingerEnrolment("not_enrolled", "finger_differs")
        except (BadTemplate, ModuleRefused, EvidenceError) as error:
            log.warning("no slip: %s", error)
            return FingerEnrolment("not_enrolled", "finger_not_enrolled")
        if not work.stopped.is_set():
            self._slip = (work.check, text)
        return FingerEnrolment("enrolled", None, write_instant(self._slips.clock.moment() + LIFETIME))
