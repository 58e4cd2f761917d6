"""NOR flash in memory, with a power that fails at a chosen operation and leaves something half done."""

PAGE = 256
KEPT = 112
"""Bytes of a page that are kept: an entry and 48 of its tally; more must never be written here."""


class PowerCut(Exception):
    """The supply is gone in the middle of an instruction."""


class NorFlash:
    """``cut_at``: the flash operation (1, 2, ...) at which power fails; ``how``: what that operation leaves behind.

    ``bad``: pages that do not keep what is written; ``worn``: sectors that do not get blank.
    """

    def __init__(self, sectors, pages):
        self.sectors = sectors
        self.pages = pages
        self.data = [bytearray(b"\xff" * KEPT) for _ in range(sectors * pages)]
        self.operations = 0
        self.erasures = [0] * sectors
        self.cut_at = 0
        self.how = None
        self.bad = set()
        self.worn = set()

    def read(self, page, buffer):
        buffer[:KEPT] = self.data[page]
        buffer[KEPT:] = b"\xff" * (len(buffer) - KEPT)

    def program(self, page, buffer):
        kept = self.data[page]
        assert len(buffer) == PAGE and bytes(buffer[KEPT:]) == b"\xff" * (PAGE - KEPT)
        written = [i for i in range(KEPT) if buffer[i] != 0xFF]
        assert all(kept[i] == 0xFF for i in written), "a byte is programmed once between two erasures"
        for i in self._which(len(written)):
            kept[written[i]] = buffer[written[i]]
        if page in self.bad:
            kept[0] = 0
        self._done()

    def erase(self, sector):
        self.erasures[sector] += 1
        first = sector * self.pages
        for i in self._which(KEPT * self.pages):
            self.data[first + i // KEPT][i % KEPT] = 0xFF
        if sector in self.worn:
            self.data[first][3] = 0
        self._done()

    def _which(self, size):
        """The bytes that this operation reaches before the power fails."""
        self.operations += 1
        if self.operations != self.cut_at:
            return range(size)
        return self.how(size)

    def _done(self):
        if self.operations == self.cut_at:
            raise PowerCut


def nothing(size):
    """Cut before it began."""
    return range(0)


def first_byte(size):
    return range(1)


def half(size):
    return range(size // 2)


def all_but_last(size):
    return range(max(0, size - 20))


def second_half(size):
    return range(size // 2, size)


def every_third(size):
    return range(0, size, 3)


def everything(size):
    """Cut after it was complete, before anyone could take note."""
    return range(size)


WAYS = (nothing, first_byte, half, all_but_last, second_half, every_third, everything)
