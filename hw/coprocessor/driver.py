"""The co-processor on a serial line: a thread of its own keeps the link; every call here returns at once but two.

What the host wants (door, ring) is *state*, kept here and told again after every restart of the co-processor or of the
line. The door's state travels with each heartbeat, and :meth:`Coprocessor.heartbeat` is called by the daemon's
supervised loop, never by this thread: a daemon that hangs stops holding the door, although its threads still run.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from hw.coprocessor.challenge import ChallengeReport, ChallengeRun
from hw.coprocessor.dialogue import Dialogue, Status
from hw.coprocessor.errors import ChallengeStopped, LinkBusy
from hw.coprocessor.events import CoprocessorEvent, is_authentic
from hw.coprocessor.link import DEFAULT_TIMING, HostLink, LinkCounts, LinkTiming
from hw.coprocessor.messages import Buzzer, ClearEmergency, GetStatus, Message, Ring, Welcome
from hw.coprocessor.numbers import Colour, Feature, RingPattern, Sound
from hw.errors import DeviceTimeout, HardwareError
from hw.serial_port import SerialPort
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

DEFAULT_BAUD: Final = 115200
ARRIVES_S: Final = 0.02
"""So soon a message is there and obeyed. A colour that is due until then is told a little early, not taken back."""
_POLL_S: Final = 0.01


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds."""

    ready_s: float = 3.0
    reopen_s: float = 1.0
    link: LinkTiming = DEFAULT_TIMING


_TIMING: Final = Timing()


class Coprocessor:
    """One co-processor. All methods may be called from any thread.

    ``event_key`` is the unit's (:func:`hw.coprocessor.events.read_event_key`); without it no event is authentic.
    """

    def __init__(
        self,
        uri: DeviceUri,
        *,
        event_key: bytes | None = None,
        timing: Timing = _TIMING,
        random_number: Callable[[int], int] = secrets.randbits,
    ) -> None:
        self.device = uri.text
        self._uri = uri
        self._timing = timing
        self._random = random_number
        self._link = HostLink(random_number, timing.link, lambda message: is_authentic(message, event_key))
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._dialogue = Dialogue(self.device, self._link, event_key)
        self._known = self._dialogue.known
        self._one_challenge = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> Welcome:
        """Start and wait for the first answer.

        Raises:
            DeviceMissing, DeviceBusy: the line cannot be opened.
            DeviceTimeout: nothing answers there.
            VersionMismatch: the firmware is of another release.
        """
        self.start()
        try:
            return self.wait_ready(self._timing.ready_s)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the link in the background; :attr:`problem` tells what keeps it from working. Never raises."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="coprocessor", daemon=True)
            self._thread.start()

    def wait_ready(self, timeout_s: float) -> Welcome:
        """Wait for a session. Raises as :meth:`open`."""
        with self._changed:
            self._changed.wait_for(lambda: self._link.up or self._known.problem is not None, timeout_s)
            if self._link.up and self._known.welcome is not None:
                return self._known.welcome
            raise self._known.problem or DeviceTimeout(self.device, "the co-processor does not answer")

    def close(self) -> None:
        """Stop the link; the door opens 3 s later at the latest. Closing twice is harmless."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def ready(self) -> bool:
        """Whether there is a session and the co-processor is heard."""
        return self._link.up

    @property
    def problem(self) -> HardwareError | None:
        """Why there is no session, or None."""
        return self._known.problem

    @property
    def status(self) -> Status | None:
        """What the co-processor last said of itself, or None before it did."""
        return self._known.status

    @property
    def features(self) -> Feature:
        """What the co-processor can do; nothing before it said so."""
        return self._known.features

    @property
    def counts(self) -> LinkCounts:
        """What the line has seen; a copy."""
        return replace(self._link.counts)

    def heartbeat(self, *, keep_power: bool = False) -> None:
        """The daemon works. Call at least once a second from the loop that must not hang.

        ``keep_power``: an update or an orderly shutdown is under way; the co-processor leaves the Pi's power alone,
        also when it hears no more, until a heartbeat says otherwise.
        """
        with self._lock:
            self._dialogue.wanted.keep_power = keep_power
            self._dialogue.heart_s = time.monotonic()

    def release(self) -> None:
        """Open the door now and keep it open. Does not block; overtakes everything that waits.

        Without a line there is nothing to do: heartbeats do not arrive either, and after 3 s without one the
        co-processor has opened the door itself.
        """
        with self._lock:
            self._dialogue.release()

    def lock(self) -> None:
        """Want the door locked. It is, from the next heartbeat on, while heartbeats go on and no emergency is open."""
        with self._lock:
            self._dialogue.wanted.lock = True

    def clear_emergency(self, counter: int) -> None:
        """An officer has dealt with the emergency of that counter (``status.last_emergency``).

        The counter of an older one does nothing.

        Raises:
            LinkBusy: it cannot be sent.
        """
        self._send(ClearEmergency(counter))

    def ring(self, pattern: RingPattern) -> None:
        """Show ``pattern``, now and after every restart, unless the co-processor shows "care first"."""
        with self._lock:
            self._dialogue.wanted.pattern = pattern
            self._dialogue.newest(Ring(pattern))

    def buzz(self, sound: Sound) -> None:
        """Play ``sound`` once.

        Raises:
            LinkBusy: it cannot be sent.
        """
        self._send(Buzzer(sound))

    def confirm(self, counter: int) -> None:
        """Every event up to ``counter`` is in a committed record; the co-processor may forget them.

        Counters beyond the newest event that came up authentic (or came up at all, without a key) do nothing.
        """
        with self._lock:
            self._dialogue.confirm(counter)

    def next_event(self, timeout_s: float = 0.0) -> CoprocessorEvent | None:
        """The oldest event not fetched yet, each once; None when there is none in time."""
        try:
            return self._dialogue.upward.get(timeout=timeout_s) if timeout_s > 0 else self._dialogue.upward.get_nowait()
        except queue.Empty:
            return None

    def ask_status(self) -> None:
        """Ask for a fresh :attr:`status`.

        Raises:
            LinkBusy: it cannot be sent.
        """
        self._send(GetStatus())

    def run_challenge(self, colours: Sequence[Colour], step_ms: int) -> ChallengeReport:
        """Show ``colours`` on the ring one after the other and tell when each was on, in ``time.monotonic`` seconds.

        The caller draws the colours at random. Blocks for the length of the challenge and about 0.1 s.

        Raises:
            ValueError: none or too many colours, or a step that is too short or too long.
            DeviceTimeout, DeviceGone: no session, or the answers stay away.
            ChallengeStopped: an emergency or a silent host ended it.
            CoprocessorRestarted: it restarted meanwhile.
        """
        with self._one_challenge:
            run = ChallengeRun(self.device, colours, step_ms, self._random)
            with self._changed:
                if not self._link.up:
                    raise self._known.problem or DeviceTimeout(self.device, "the co-processor does not answer")
                self._dialogue.challenge = run
                self._dialogue.advance(run)
                try:
                    self._changed.wait_for(lambda: run.finished, run.timeout_s)
                finally:
                    self._dialogue.challenge = None
            return run.report()

    def stop_challenge(self) -> None:
        """End :meth:`run_challenge` at once, there with `ChallengeStopped`; a second later the ring shows its pattern.

        The device ends a challenge when the next one begins: it is sent one that goes on showing the colour that is on,
        so that nothing flashes.
        """
        with self._changed:
            run = self._dialogue.challenge
            if run is None or run.finished:
                return
            run.fail(ChallengeStopped(self.device, "the light challenge was stopped"))
            still = run.still(time.monotonic() + ARRIVES_S)
            if still is not None:
                self._link.send(still)
            self._changed.notify_all()

    def _send(self, message: Message) -> None:
        with self._lock:
            if not self._link.send(message):
                raise LinkBusy(self.device, f"{self._link.waiting} messages wait; {message.TYPE.name} was not sent")

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with SerialPort(self._uri, default_baud=DEFAULT_BAUD) as port:
                    self._serve(port)
            except HardwareError as error:
                log.warning("%s", error)
                self._lost_line(error)
                self._stop.wait(self._timing.reopen_s)

    def _lost_line(self, error: HardwareError) -> None:
        with self._changed:
            self._dialogue.lost_line(error, time.monotonic())
            self._changed.notify_all()

    def _serve(self, port: SerialPort) -> None:
        with self._lock:
            self._link.line_opened(time.monotonic())
        while not self._stop.is_set():
            with self._lock:
                self._dialogue.beat(time.monotonic())
                data = self._link.data_to_send(time.monotonic())
            if data:
                port.write(data)
            try:
                received = port.read(time.monotonic() + _POLL_S)
            except DeviceTimeout:
                received = b""
            with self._changed:
                now_s = time.monotonic()
                self._link.receive_data(received, now_s)
                if self._dialogue.handle_all(now_s):
                    self._changed.notify_all()
