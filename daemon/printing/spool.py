"""The spool: sheets wait here, in memory alone, until the printer has them or their time is over.

A sheet is set in a process of its own, handed over when the printer can print, and forgotten in that moment. What the
printer has not taken ten seconds after the check ended is dropped: then the form is printed from the gateway. Nothing
waits for the spool.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique

from daemon.printing.ipp import JobState
from daemon.printing.printer import JobForgotten, Printer, PrinterBusy, PrinterGone, PrinterRefuses, PrintJob
from daemon.printing.setting import CannotSet, set_aside
from evidence.forms.sheet import Sheet

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Between two looks at a printer or job."""
_JOIN_S = 2.0
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
    UNKNOWN = "unknown"


@dataclass(slots=True, eq=False)
class _Job:
    """The forms of a check on their way: sheets, then the PDF that is ready, then what the printer calls it.

    Attributes:
        check: whose they are.
        sent: the PDF went out and nothing came back yet.
        lost: some of its sheets were dropped.
        end_s: when what the printer has not taken is dropped.
        over: nothing more is done for it.
    """

    check: str
    sheets: list[Sheet] = field(repr=False)
    pdf: bytes | None = field(default=None, repr=False)
    sent: bool = False
    taken: PrintJob | None = None
    taken_s: float = 0.0
    lost: bool = False
    end_s: float | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def personal(self) -> bool:
        """Whether anything of a person is still held here."""
        return bool(self.sheets) or self.pdf is not None

    def forget(self) -> None:
        """Hold nothing of a person any more, whoever still looks at it."""
        self.lost = self.lost or self.personal
        self.sheets.clear()
        self.pdf = None


@dataclass(slots=True)
class Spool:
    """Any thread may call it; :meth:`run` is a thread's life.

    That thread keeps the time: one of its own asks the printer, so that what a printer holds up is dropped in time.
    """

    printer: Printer
    told: Callable[[], None] = lambda: None
    set_form: Callable[[Sheet, threading.Event], bytes] = set_aside
    _jobs: list[_Job] = field(default_factory=list)
    _stands: dict[str, Paper] = field(default_factory=dict)
    _at: _Job | None = None
    _wake: threading.Event = field(default_factory=threading.Event)
    _clock: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _closing: bool = False

    # --- from any thread ---------------------------------------------------------------------------------------

    def want(self, check: str, sheets: Sequence[Sheet]) -> None:
        """Print the ``sheets`` of ``check``, after whatever waits; not twice, see :meth:`is_under_way`."""
        with self._lock:
            self._jobs.append(_Job(check, list(sheets)))
            self._stands.pop(check, None)  # it is the latest now
            self._stands[check] = Paper.WAITING
        self.told()
        self._wake.set()

    def end_by(self, seconds: float) -> None:
        """The check is over: what the printer has not taken in so many seconds is dropped."""
        with self._lock:
            for job in self._jobs:
                if job.end_s is None:
                    job.end_s = time.monotonic() + seconds
        self._clock.set()

    def drop(self) -> None:
        """Forget what the printer has not taken, now."""
        with self._lock:
            dropped = self._drop(self._jobs)
        if dropped:
            self.told()

    def stands(self, check: str) -> Paper:
        """How the printing of a check's forms stands."""
        return self._stands.get(check, Paper.NOTHING)

    def is_under_way(self, check: str) -> bool:
        """Whether more is done for the forms of ``check`` by itself."""
        with self._lock:
            return any(job.check == check for job in self._jobs)

    def forget_others(self, check: str) -> None:
        """``check`` has begun: how it ended for others is told no longer."""
        with self._lock:
            kept = {check, *(job.check for job in self._jobs)}
            self._stands = {one: state for one, state in self._stands.items() if one in kept}

    @property
    def state(self) -> Paper:
        """How the forms stand that were asked for last."""
        with self._lock:
            return next(reversed(self._stands.values()), Paper.NOTHING)

    @property
    def holds(self) -> bool:
        """Whether anything of a person is held here."""
        with self._lock:
            return any(job.personal for job in self._jobs)

    def close(self) -> None:
        """End :meth:`run`; whatever waits is dropped."""
        self._closing = True
        self._wake.set()
        self._clock.set()

    # --- the thread that keeps the time ------------------------------------------------------------------------

    def run(self) -> None:
        """Print until :meth:`close`.

        Raises:
            RuntimeError: what prints has ended by itself.
        """
        worker = threading.Thread(target=self._work, name="printer", daemon=True)
        worker.start()
        while not self._closing:
            self._clock.wait(self._left_s())
            self._clock.clear()
            self._drop_late()
            if not worker.is_alive() and not self._closing:
                raise RuntimeError("the printer's thread has ended")
        self.drop()
        self.printer.hang_up()
        worker.join(_JOIN_S)

    def _left_s(self) -> float | None:
        with self._lock:
            ends = [job.end_s for job in self._jobs if job.personal and job.end_s is not None]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _drop_late(self) -> None:
        now_s = time.monotonic()
        with self._lock:
            dropped = self._drop([job for job in self._jobs if job.end_s is not None and job.end_s <= now_s])
        if dropped:
            self.told()

    def _drop(self, jobs: Sequence[_Job]) -> bool:
        """Whether anything was dropped. The last sheet that the printer has taken is watched on."""
        personal = [job for job in jobs if job.personal]
        for job in personal:
            job.forget()
            if job.taken is None:
                if job is self._at:
                    self.printer.hang_up()
                self._remove(job, Paper.UNKNOWN if job.sent else Paper.DROPPED)
        return bool(personal)

    # --- the thread that prints --------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while not self._closing:
                self._wake.wait(LOOK_S if self._jobs else None)
                self._wake.clear()
                for job in self._due():
                    self._step(job)
        finally:
            self._clock.set()

    def _due(self) -> list[_Job]:
        """What the printer has, and the first that it has not: no two women's sheets are mixed."""
        with self._lock:
            first = next((at for at, job in enumerate(self._jobs) if job.personal), len(self._jobs))
            return self._jobs[: first + 1]

    def _step(self, job: _Job) -> None:
        self._at = job
        try:
            self._go_on(job)
        except CannotSet as error:
            log.warning("printing: %s", error)
            self._end(job, Paper.UNUSABLE)
        except PrinterGone as error:
            log.info("printing: %s", error)
            self._later(job, Paper.WAITING if isinstance(error, PrinterBusy) else Paper.GONE)
        except JobForgotten as error:
            log.warning("printing: %s", error)
            self._end(job, Paper.UNKNOWN)
        except PrinterRefuses as error:
            log.warning("printing: %s", error)
            self._end(job, Paper.UNKNOWN if job.taken else Paper.REFUSED)
        except Exception:  # whatever it was: no printer ends the unit, and the check that is under way with it
            log.exception("printing: given up")
            self._end(job, Paper.UNKNOWN if job.taken or job.sent else Paper.UNUSABLE)
        finally:
            self._at = None

    def _later(self, job: _Job, state: Paper) -> None:
        """Try again, while there is anything to try: a form that may have come out is not handed over once more."""
        busy = state is Paper.WAITING
        if job.taken is not None:
            if time.monotonic() - job.taken_s > JOB_S:
                self._end(job, Paper.UNKNOWN)
            elif not busy:
                self._say(job, state)
        elif job.sent and not busy:
            self._end(job, Paper.UNKNOWN)
        else:
            job.sent = False
            self._say(job, state)

    def _go_on(self, job: _Job) -> None:
        if job.taken is not None:
            self._watch(job, job.taken)
        elif job.pdf is not None:
            self._hand_over(job)
        else:
            self._set(job)

    def _set(self, job: _Job) -> None:
        with self._lock:
            if not job.sheets:
                return
            sheet = job.sheets[0]
        pdf = self.set_form(sheet, job.over)
        with self._lock:
            if not job.over.is_set():
                job.sheets.pop(0)
                job.pdf = pdf
        self._wake.set()

    def _hand_over(self, job: _Job) -> None:
        status = self.printer.status()
        if not status.takes_pdf:
            raise PrinterRefuses(f"{self.printer.uri}: takes no PDF; print through a CUPS queue that does")
        if status.paper_out or status.stopped or not status.accepts:
            self._say(job, Paper.PAPER_OUT if status.paper_out else Paper.STOPPED)
            return
        taken = self.printer.print_pdf(lambda: self._send(job))
        with self._lock:
            job.pdf, job.sent, job.taken, job.taken_s = None, False, taken, time.monotonic()
        self._say(job, Paper.PRINTING)

    def _send(self, job: _Job) -> bytes:
        with self._lock:
            if job.pdf is None:
                raise PrinterGone("dropped before the printer was reached")
            job.sent = True
            return job.pdf

    def _watch(self, job: _Job, taken: PrintJob) -> None:
        ended = self.printer.is_over(taken)
        if ended is JobState.COMPLETED:
            self._printed(job)
        elif ended is not None:
            self._end(job, Paper.STOPPED)
        elif time.monotonic() - job.taken_s > JOB_S:
            self.printer.cancel(taken)
            self._end(job, Paper.STOPPED)
        else:
            status = self.printer.status()
            now = Paper.PAPER_OUT if status.paper_out else Paper.STOPPED if status.stopped else Paper.PRINTING
            self._say(job, now)

    def _printed(self, job: _Job) -> None:
        with self._lock:
            job.taken = None
            more = bool(job.sheets)
        if more:
            self._wake.set()
        else:
            self._end(job, Paper.DROPPED if job.lost else Paper.PRINTED)

    # --- how it stands -----------------------------------------------------------------------------------------

    def _say(self, job: _Job, state: Paper) -> None:
        with self._lock:
            if job.over.is_set() or self._stands.get(job.check) is state:
                return
            self._stands[job.check] = state
        log.info("printing: %s", state.value)
        self.told()

    def _end(self, job: _Job, state: Paper) -> None:
        with self._lock:
            if job.over.is_set():
                return
            self._remove(job, state)
        self.told()

    def _remove(self, job: _Job, state: Paper) -> None:
        """Under the lock."""
        job.forget()
        job.over.set()
        self._jobs.remove(job)
        self._stands[job.check] = state
        log.info("printing: %s", state.value)
