"""A fingerprint module on a serial line: capture, templates, and the 1:1 match of a live finger with a reference.

Nothing here outlives a power cycle: no SetPwd, SetAdder or SetSysPara is ever sent, so that no mistake of ours locks a
module. What is kept in its flash is ``slots.py``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

from hw.errors import DeviceGone, DeviceMissing, DeviceProtocolError, DeviceTimeout
from hw.fingerprint.codec import (
    BROADCAST,
    Acknowledge,
    Confirmation,
    Instruction,
    LedColour,
    LedMode,
    Parameters,
)
from hw.fingerprint.errors import (
    BadImage,
    BadTemplate,
    CaptureStopped,
    CombineFailed,
    FingerprintError,
    ModuleRefused,
    NoFinger,
    WrongPassword,
)
from hw.fingerprint.feedback import FAULTS, Feedback, Guide, OnFeedback
from hw.fingerprint.link import ATTEMPTS, DEFAULT_BAUD, DEFAULT_TIMING, Link, Timing
from hw.uri import DeviceUri

log = logging.getLogger(__name__)

LIVE_BUFFER: Final = 1
REFERENCE_BUFFER: Final = 2

MAX_TEMPLATE: Final = 8 * 1024
"""Bytes; modules in the field send 512 (R30x), 768 or 1536 (R503)."""

MAX_IMAGE: Final = 128 * 1024
"""Bytes; 36864 on an R30x (256 x 288 pixels of 4 bits)."""

ENROL_ATTEMPTS: Final = 3

_LOOK: Final = frozenset(FAULTS) | {Confirmation.NoFinger}
_NEEDS_NO_BUFFER: Final = frozenset({Instruction.GenImg, Instruction.ReadSysPara, Instruction.AuraLedConfig})


@dataclass(frozen=True, slots=True)
class MatchResult:
    """What the module says of its two buffers. ``score`` is its own scale and comparable with nothing else."""

    matched: bool
    score: int


class FingerprintModule:
    """One module. Not for two threads at once; only the stop events may be set from elsewhere.

    Every method raises only :class:`hw.errors.HardwareError`. After :class:`hw.errors.DeviceGone` the module is closed
    and its buffers are lost; :meth:`open`, :meth:`self_test`, :meth:`enrol` and :meth:`finger_match` open it anew.
    """

    def __init__(
        self, uri: DeviceUri, *, password: int = 0, address: int = BROADCAST, timing: Timing = DEFAULT_TIMING
    ) -> None:
        self.device = uri.text
        self._uri = uri
        self._password = password
        self._address = address
        self._timing = timing
        self._link: Link | None = None
        self._packet_size = 0
        self._template_size = 512
        self._has_led = True

    def open(self) -> None:
        """Open the line, verify the password and read the parameters; nothing happens when already open.

        Raises:
            DeviceMissing, DeviceBusy: the line cannot be opened.
            DeviceTimeout: nothing answers there at this rate.
            WrongPassword: the module wants another one.
        """
        if self._link is not None:
            return
        self._link = Link(self._uri, self._address, self._timing)
        try:
            self._verify_password()
            self._packet_size = self._read_parameters().packet_size
        except BaseException:
            self.close()
            raise
        self._has_led = True

    def close(self) -> None:
        """Close the line; closing twice is harmless."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def self_test(self) -> Parameters:
        """Verify the password and read the parameters, now."""
        self.open()
        self._verify_password()
        return self._read_parameters()

    def ask(self, instruction: Instruction, *fields: int, accept: frozenset[int] = frozenset()) -> Acknowledge:
        """One command and its answer, which says Ok or one of the codes in ``accept``.

        Raises:
            ModuleRefused: the module said something else.
        """
        try:
            with self._line() as link:
                return link.ask(instruction, *fields, accept=accept)
        except ModuleRefused as error:
            if error.code != Confirmation.MustVerifyPassword:
                raise
        log.info("%s: module has restarted; password verified again", self.device)
        self._verify_password()
        with self._line() as link:
            return link.ask(instruction, *fields, accept=accept)

    def capture(
        self, stop: threading.Event, timeout_s: float, on_feedback: OnFeedback, *, buffer: int = LIVE_BUFFER
    ) -> None:
        """Wait for a finger and put its features into ``buffer`` (1 or 2).

        Raises:
            NoFinger: none came within ``timeout_s``.
            BadImage: a finger came, and no image of it was usable within ``timeout_s``.
            CaptureStopped: ``stop`` was set.
        """
        end_s = time.monotonic() + timeout_s
        guide = Guide(on_feedback)
        while True:
            self._check_stop(stop)
            code = self._look(buffer)
            if code == Confirmation.Ok:
                return
            guide.observe(code)
            if time.monotonic() >= end_s:
                if guide.fault is not None:
                    raise BadImage(self.device, guide.fault)
                raise NoFinger(self.device, "no finger in time")
            stop.wait(self._timing.poll_s)

    def match(self) -> MatchResult:
        """Compare buffers 1 and 2.

        Raises:
            DeviceProtocolError: the answer says "match" without a score, so it is another command's.
            ModuleRefused: a buffer is empty or holds what the module cannot compare.
        """
        answer = self.ask(Instruction.Match, accept=frozenset({Confirmation.NotMatched}))
        if answer.code == Confirmation.NotMatched:
            return MatchResult(False, int.from_bytes(answer.extra[:2], "big"))
        if len(answer.extra) != 2:
            raise DeviceProtocolError(self.device, f"match answered with {len(answer.extra)} bytes instead of a score")
        return MatchResult(True, int.from_bytes(answer.extra, "big"))

    def upload_template(self, buffer: int = LIVE_BUFFER) -> bytes:
        """The features in ``buffer``, module to host; the length is the module's own affair. Biometric data.

        Read until two readings agree: packets carry no number, so one that is lost whole shows in no other way.

        Raises:
            DeviceProtocolError: the line damages what it carries.
            ModuleRefused: the buffer is empty.
            BadTemplate: the module sent bytes that are all the same.
        """
        with self._line() as link:
            template = link.receive(Instruction.UpChar, buffer, limit=MAX_TEMPLATE)
            for _ in range(ATTEMPTS):
                before, template = template, link.receive(Instruction.UpChar, buffer, limit=MAX_TEMPLATE)
                if template == before:
                    return self._checked(template)
        raise DeviceProtocolError(self.device, f"{1 + ATTEMPTS} readings of a template all differ")

    def download_template(self, template: bytes, buffer: int = REFERENCE_BUFFER) -> None:
        """Put a template of :meth:`upload_template` or :meth:`enrol` into ``buffer``, host to module.

        Raises:
            BadTemplate: it is empty, constant or too long; nothing was sent.
        """
        content = self._checked(template)
        with self._line() as link:
            link.send(Instruction.DownChar, buffer, content=content, packet_size=self._packet_size)

    def upload_image(self) -> bytes:
        """The last image of the sensor, packed as the module does, see ``image.py``."""
        with self._line() as link:
            return link.receive(Instruction.UpImage, limit=MAX_IMAGE)

    def capture_image(self, stop: threading.Event, timeout_s: float, on_feedback: OnFeedback) -> bytes:
        """Capture a finger and return its image, packed as the module does; its features are not left in the buffers.

        Raises what :meth:`capture` and :meth:`upload_image` raise.
        """
        self.open()
        with self._forgetting():
            self.capture(stop, timeout_s, on_feedback)
            return self.upload_image()

    def finger_match(
        self, reference_template: bytes, stop: threading.Event, timeout_s: float, on_feedback: OnFeedback
    ) -> MatchResult:
        """Capture a finger and compare it with ``reference_template``; afterwards neither is left in the buffers.

        Raises what :meth:`capture`, :meth:`download_template` and :meth:`match` raise.
        """
        self._checked(reference_template)
        self.open()
        with self._forgetting():
            self.capture(stop, timeout_s, on_feedback, buffer=LIVE_BUFFER)
            self.download_template(reference_template, REFERENCE_BUFFER)
            return self.match()

    def enrol(self, stop: threading.Event, timeout_s: float, on_feedback: OnFeedback) -> bytes:
        """Capture the same finger twice and return the combined template, a reference for :meth:`finger_match`.

        ``timeout_s`` is for each time a finger is waited for.

        Raises:
            CombineFailed: the two captures disagreed, three times over.
        """
        self.open()
        with self._forgetting():
            for _ in range(ENROL_ATTEMPTS):
                if self._capture_pair(stop, timeout_s, on_feedback):
                    return self.upload_template(1)
                on_feedback(Feedback.DIFFERENT)
                self._wait_for_lift(stop, timeout_s)
        raise CombineFailed(self.device, f"{ENROL_ATTEMPTS} pairs of captures disagreed")

    def overwrite_buffers(self) -> None:
        """Overwrite both buffers with a pattern that is nobody's.

        The module's image buffer keeps the last image until the next one or a power cycle: no instruction clears it.

        Raises:
            ModuleRefused: the module would not take it.
        """
        pattern = bytes(index & 0xFF for index in range(self._template_size))
        for buffer in (LIVE_BUFFER, REFERENCE_BUFFER):
            self.download_template(pattern, buffer)

    def forget(self) -> bool:
        """As :meth:`overwrite_buffers`; False when the module would not take it."""
        try:
            self.overwrite_buffers()
        except ModuleRefused as error:
            log.warning("%s; the buffers keep the last print until the next capture", error)
            return False
        return True

    def led(self, mode: LedMode, colour: LedColour, *, speed: int = 0x80, count: int = 0) -> bool:
        """Set the ring's light; ``speed`` 0 (fast) to 255, ``count`` 0 is for ever. False when there is none.

        A module that refuses, garbles or ignores the instruction is not asked again until it is reopened.
        """
        if not self._has_led:
            return False
        try:
            self.ask(Instruction.AuraLedConfig, mode, speed, colour, count)
        except (ModuleRefused, DeviceTimeout, DeviceProtocolError) as error:
            log.info("%s; taken as a module without light", error)
            self._has_led = False
        return self._has_led

    def _capture_pair(self, stop: threading.Event, timeout_s: float, on_feedback: OnFeedback) -> bool:
        """Capture a finger twice; whether the module could combine the two into one template, now in both buffers."""
        self.capture(stop, timeout_s, on_feedback, buffer=1)
        on_feedback(Feedback.ONCE_MORE)
        self._wait_for_lift(stop, timeout_s)
        self.capture(stop, timeout_s, on_feedback, buffer=2)
        answer = self.ask(Instruction.RegModel, accept=frozenset({Confirmation.CombineFail}))
        return answer.code == Confirmation.Ok

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Overwrite the buffers afterwards, unless the line no longer answers."""
        try:
            yield
        except WrongPassword:  # it has restarted: there is nothing left to forget, and it would take no pattern
            raise
        except (FingerprintError, DeviceProtocolError):
            self.forget()
            raise
        self.forget()

    def _look(self, buffer: int) -> int:
        """One look at the sensor: Ok (features are in ``buffer``), NoFinger or a key of ``FAULTS``."""
        code = self.ask(Instruction.GenImg, accept=_LOOK).code
        return self.ask(Instruction.Img2Tz, buffer, accept=_LOOK).code if code == Confirmation.Ok else code

    def _wait_for_lift(self, stop: threading.Event, timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        while self.ask(Instruction.GenImg, accept=_LOOK).code != Confirmation.NoFinger:
            self._check_stop(stop)
            if time.monotonic() >= end_s:
                raise NoFinger(self.device, "the finger was not lifted in time")
            stop.wait(self._timing.poll_s)

    def _check_stop(self, stop: threading.Event) -> None:
        if stop.is_set():
            raise CaptureStopped(self.device, "stopped")

    def _checked(self, template: bytes) -> bytes:
        if not 0 < len(template) <= MAX_TEMPLATE:
            raise BadTemplate(self.device, f"template of {len(template)} bytes; 1 to {MAX_TEMPLATE} are possible")
        if len(set(template)) == 1:
            raise BadTemplate(self.device, "template without content: all bytes are the same")
        self._template_size = max(self._template_size, len(template))
        return template

    def _verify_password(self) -> None:
        try:
            with self._line() as link:
                link.ask(Instruction.VfyPwd, self._password)
        except ModuleRefused as error:
            if error.code == Confirmation.WrongPassword:
                raise WrongPassword(self.device, "the module has another password") from error
            raise

    def _read_parameters(self) -> Parameters:
        try:
            return Parameters.from_bytes(self.ask(Instruction.ReadSysPara).extra)
        except (ModuleRefused, ValueError) as error:
            log.warning("%s: parameters unusable (%s); factory settings assumed", self.device, error)
        baud = self._uri.number("baud", DEFAULT_BAUD)
        return Parameters(0, 0, 0, 3, self._address, 2, baud, assumed=True)

    @contextmanager
    def _line(self) -> Iterator[Link]:
        """The open link; closed when the line or the buffers turn out to be lost."""
        if self._link is None:
            raise DeviceGone(self.device, "module is not open")
        try:
            yield self._link
        except (DeviceGone, DeviceMissing):
            self.close()
            raise
        except ModuleRefused as error:
            if error.code != Confirmation.MustVerifyPassword or error.instruction in _NEEDS_NO_BUFFER:
                raise
            self.close()
            raise DeviceGone(self.device, "the module has restarted and lost its buffers: start over") from error
