"""The spool: sheets wait here, in memory alone, until the printer has them or their time is over.

A sheet is set in a process of its own, handed over when the printer can print, and forgotten in that moment. What the
printer has not taken ten seconds after the check ended is dropped: then the form is printed from the gateway. Nothing
waits for the spool.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique

from daemon.printing.ipp import JobState
from daemon.printing.printer import Printer, PrinterGone, PrinterRefuses
from evidence.forms.sheet import Sheet

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Between two looks at a printer or job."""
RENDER_S = 20.0
JOB_S = 600.0
"""A job that the printer has had for so long without an end is taken back: such a page must not come out when nobody is
there to take it."""


@unique
class Paper(StrEnum):
    """How the printing of one check's forms stands; the screen has words for each."""

    NOTHING = "nothing"
    WAITING = "waiting"
    PRINTING = "printing"
    PRINTED = "printed"
    PAPER_OUT = "paper_out"
    STOPPED = "stopped"
    GONE = "gone"
    REFUSED = "refused"
    UNUSABLE = "unusable"
    DROPPED = "dropped"


class CannotSet(Exception):
    """The form could not be set: a font is missing, mostly. The sentence holds nothing of the form."""


def set_aside(sheet: Sheet) -> bytes:
    """The PDF of ``sheet``, made in a process of its own that ends with it.

    Raises:
        CannotSet: see there.
    """
    command = [sys.executable, "-m", "evidence.forms"]
    try:
        done = subprocess.run(command, input=sheet.to_bytes(), capture_output=True, timeout=RENDER_S, check=False)
    except subprocess.TimeoutExpired:
        raise CannotSet(f"not set within {RENDER_S:.0f} s") from None
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] if done.returncode in (2, 3) else []
        raise CannotSet("".join(last) or f"the process that sets forms ended with {done.returncode}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class _Job:
    """What is wanted: sheets, then the PDF that is ready, or the number the printer gave it."""

    sheets: tuple[Sheet, ...] = field(repr=False)
    pdf: bytes | None = field(default=None, repr=False)
    number: int | None = None
    taken_s: float = 0.0

    @property
    def personal(self) -> bool:
        """Whether anything of a person is still held here."""
        return bool(self.sheets) or self.pdf is not None


@dataclass(slots=True)
class Spool:
    """Any thread may call :meth:`want`, :meth:`end_by` and :meth:`drop`; :meth:`run` is a thread's life."""

    printer: Printer
    told: Callable[[], None] = lambda: None
    set_form: Callable[[Sheet], bytes] = set_aside
    state: Paper = Paper.NOTHING
    _job: _Job | None = None
    _end_s: float | None = None
    _wake: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: bool = False

    def want(self, sheets: Sequence[Sheet]) -> None:
        """Print ``sheets``, in place of whatever waited."""
        with self._lock:
            self._job, self._end_s = _Job(tuple(sheets)), None
        self._say(Paper.WAITING)
        self._wake.set()

    def end_by(self, seconds: float) -> None:
        """The check is over: what the printer has not taken in so many seconds is dropped."""
        with self._lock:
            if self._end_s is None:
                self._end_s = time.monotonic() + seconds
        self._wake.set()

    def drop(self) -> None:
        """Forget what the printer has not taken, now."""
        with self._lock:
            dropped = self._job is not None and self._job.personal
            if dropped:
                self._job = None
        if dropped:
            self._say(Paper.DROPPED)

    @property
    def holds(self) -> bool:
        """Whether anything of a person is held here."""
        with self._lock:
            return self._job is not None and self._job.personal

    def close(self) -> None:
        """End :meth:`run`; whatever waits is dropped."""
        self._closing = True
        self._wake.set()

    def run(self) -> None:
        """Print until :meth:`close`."""
        while not self._closing:
            self._wake.wait(LOOK_S if self._job else None)
            self._wake.clear()
            if self._end_s is not None and time.monotonic() >= self._end_s:
                self.drop()
            if self._job is not None and not self._closing:
                self._step(self._job)
        self.drop()

    def _step(self, job: _Job) -> None:
        try:
            if job.number is not None:
                self._watch(job, job.number)
            elif job.pdf is not None:
                self._hand_over(job, job.pdf)
            elif job.sheets:
                after = replace(job, sheets=job.sheets[1:], pdf=self.set_form(job.sheets[0]))
                self._keep(job, after)
                self._wake.set()
            else:
                self._finish(job, Paper.PRINTED)
        except CannotSet as error:
            log.warning("printing: %s", error)
            self._finish(job, Paper.UNUSABLE)
        except PrinterGone as error:
            log.info("printing: %s", error)
            if job.number is not None and time.monotonic() - job.taken_s > JOB_S:
                self._finish(job, Paper.GONE)
            self._say(Paper.GONE)
        except PrinterRefuses as error:
            log.warning("printing: %s", error)
            self._finish(job, Paper.REFUSED)

    def _hand_over(self, job: _Job, pdf: bytes) -> None:
        status = self.printer.status()
        if not status.takes_pdf:
            raise PrinterRefuses(f"{self.printer.uri}: takes no PDF; print through a CUPS queue that does")
        if status.paper_out or status.stopped or not status.accepts:
            self._say(Paper.PAPER_OUT if status.paper_out else Paper.STOPPED)
            return
        number = self.printer.print_pdf(pdf)
        self._keep(job, replace(job, pdf=None, number=number, taken_s=time.monotonic()))
        self._say(Paper.PRINTING)

    def _watch(self, job: _Job, number: int) -> None:
        ended = self.printer.is_over(number)
        if ended is JobState.COMPLETED:
            self._keep(job, replace(job, number=None))
            self._wake.set()
        elif ended is not None:
            self._finish(job, Paper.STOPPED)
        elif time.monotonic() - job.taken_s > JOB_S:
            self.printer.cancel(number)
            self._finish(job, Paper.STOPPED)
        else:
            status = self.printer.status()
            self._say(Paper.PAPER_OUT if status.paper_out else Paper.STOPPED if status.stopped else Paper.PRINTING)

    def _keep(self, before: _Job, after: _Job) -> None:
        """``after`` in place of ``before``, unless that was dropped or replaced meanwhile."""
        with self._lock:
            if self._job is before:
                self._job = after

    def _finish(self, job: _Job, state: Paper) -> None:
        with self._lock:
            if self._job is not job:
                return
            self._job = None
        self._say(state)

    def _say(self, state: Paper) -> None:
        if state is not self.state:
            self.state = state
            log.info("printing: %s", state.value)
            self.told()
