"""The templates in a module's flash, and wiping whatever a module holds.

A check stores nothing in a module: it works in the two feature buffers. But a module may come with somebody's templates
in it - a vendor's demonstration, another product, a bench - and after a crash its buffers still hold a finger. So
:func:`wipe` is run when a unit starts and after every check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hw.errors import DeviceProtocolError
from hw.fingerprint.codec import REPLIES, Confirmation, Instruction
from hw.fingerprint.driver import LIVE_BUFFER, REFERENCE_BUFFER, FingerprintModule

PAGES_A_TABLE: Final = 256
"""Slots that one answer to ReadIndexTable tells of."""


@dataclass(frozen=True, slots=True)
class Found:
    """The slot that a search found, and the module's own score."""

    page: int
    score: int


class Slots:
    """The flash of an open ``module``; a page is the number of a slot, from 0. Writing wears it.

    Every method raises :class:`hw.errors.HardwareError`; :class:`hw.fingerprint.errors.ModuleRefused` where there is
    no such page, or no template in it or in the buffer.
    """

    def __init__(self, module: FingerprintModule) -> None:
        self._module = module

    def store(self, page: int, buffer: int = LIVE_BUFFER) -> None:
        """Write the template in ``buffer`` into ``page``, over what is there."""
        self._module.ask(Instruction.Store, buffer, page)

    def load(self, page: int, buffer: int = REFERENCE_BUFFER) -> None:
        """Put the template of ``page`` into ``buffer``."""
        self._module.ask(Instruction.LoadChar, buffer, page)

    def delete(self, page: int, count: int = 1) -> None:
        """Erase ``count`` pages from ``page`` on."""
        self._module.ask(Instruction.DeletChar, page, count)

    def empty(self) -> None:
        """Erase every page."""
        self._module.ask(Instruction.Empty)

    def count(self) -> int:
        """How many pages hold a template."""
        (count,) = self._fields(Instruction.TempleteNum, self._module.ask(Instruction.TempleteNum).extra)
        return count

    def pages(self, capacity: int) -> tuple[int, ...]:
        """Which pages of ``capacity`` hold a template."""
        found = []
        for table in range(-(-capacity // PAGES_A_TABLE)):
            bits = int.from_bytes(self._module.ask(Instruction.ReadIndexTable, table).extra, "little")
            found += [table * PAGES_A_TABLE + at for at in range(PAGES_A_TABLE) if bits >> at & 1]
        return tuple(found)

    def search(self, first: int, count: int, buffer: int = LIVE_BUFFER) -> Found | None:
        """Which of ``count`` pages from ``first`` on holds the finger in ``buffer`` (1:N); None: none does.

        No check does this: a checkpoint verifies one woman against her own print.
        """
        answer = self._module.ask(Instruction.Search, buffer, first, count, accept=frozenset({Confirmation.NotFound}))
        if answer.code == Confirmation.NotFound:
            return None
        return Found(*self._fields(Instruction.Search, answer.extra))

    def _fields(self, instruction: Instruction, extra: bytes) -> tuple[int, ...]:
        layout = REPLIES[instruction]
        if len(extra) != layout.size:
            raise DeviceProtocolError(
                self._module.device, f"{instruction.name} answered with {len(extra)} bytes instead of {layout.size}"
            )
        return layout.unpack(extra)


def wipe(module: FingerprintModule) -> None:
    """Leave nothing of anybody in ``module``, which is opened: overwrite both buffers, erase what its flash holds.

    A flash that is empty is not erased again.

    Raises:
        ModuleRefused: it would not take the pattern, or not erase.
        DeviceProtocolError: it says that it has erased, and still counts templates.
    """
    module.open()
    slots = Slots(module)
    if slots.count():
        slots.empty()
        if left := slots.count():
            raise DeviceProtocolError(module.device, f"{left} templates are still stored after they were erased")
    module.overwrite_buffers()
